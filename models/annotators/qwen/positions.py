"""Corrects the positions of words that follow a video, so that they come after it in time, as in Qwen-VL's training.

In M-RoPE each part of the input starts one past the greatest position of the previous part (Qwen2-VL, arXiv:2409.12191,
section 2.1). transformers 5.23 starts the words past the video's width or height instead. If the video is longer, as
most are, the words are then placed among its frames, and the answer far after the question.
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

VIDEO: Final = 2
"""transformers' token type of a video's tokens."""


def put_words_after_videos(model: Any) -> None:  # noqa: ANN401  (transformers types its models loosely)
    """Correct the positions that a loaded model computes; correct ones do not change."""
    transformers_own = model.model.get_rope_index

    def get_rope_index(
        input_ids: "torch.Tensor",
        mm_token_type_ids: "torch.Tensor",
        **arguments: Any,  # noqa: ANN401
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        positions, _ = transformers_own(input_ids, mm_token_type_ids, **arguments)
        return words_after_videos(positions, mm_token_type_ids, arguments["attention_mask"])

    model.model.get_rope_index = get_rope_index


def words_after_videos(
    positions: "torch.Tensor", token_types: "torch.Tensor", attention_mask: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Move the words after each row's last video past its last frame.

    Args:
        positions: (3, B, L): time, height and width.
        token_types: (B, L): ``VIDEO`` for a video's tokens.
        attention_mask: (B, L): 0 for padding, which is on the left.

    Returns:
        The positions, and for each row the next token's position minus its index, (B, 1).
    """
    import torch

    positions = positions.clone()
    for row, types in enumerate(token_types):
        video = (types == VIDEO).nonzero()
        if len(video) == 0:
            continue
        words = int(video[-1]) + 1
        lacking = positions[:, row, :words].max() + 1 - positions[0, row, words]
        positions[:, row, words:] += lacking.clamp(min=0)
    ends = positions.amax(dim=(0, 2)) + 1
    return positions, (ends - torch.sum(attention_mask, dim=1))[:, None]
