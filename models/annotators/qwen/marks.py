"""The marks around a video of Qwen3-VL, as the model was published with them.

The chat template writes a video as ``<|vision_start|><|video_pad|><|vision_end|>``. The processor of the release,
by its authors (transformers 4.57, ``processing_qwen3_vl.py``), replaces all three by ``<0.5 seconds><|vision_start|>...
<|vision_end|>`` for each pair of frames, and so did vLLM. Since 5.10, transformers replaces only the token in the
middle, for all its models alike, and vLLM 0.33 follows it where that version is installed
(https://github.com/vllm-project/vllm/issues/46817): an outer pair of marks is left, around marks and times, which no
code of the authors writes. Here the outer pair is taken out before the processor sees it; either version then gives
the text of the release.
"""

from typing import Any


def with_bare_video(text: str, processor: Any) -> str:  # noqa: ANN401  (transformers types its processors loosely)
    """The text of a chat whose videos stand without marks: the processor puts them around each pair of frames."""
    video: str = processor.video_token
    return text.replace(f"{processor.vision_start_token}{video}{processor.vision_end_token}", video)
