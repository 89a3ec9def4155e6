"""Pictures from before a segment in front of a small random Qwen: still pictures before the video."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.annotators.annotator import AnnotationAnswer, AnnotationRequest, RequestFrame
from models.annotators.qwen.annotator import QwenAnnotator
from models.annotators.response.parse import parse_answer
from tests.support.preceding_requests import with_preceding
from tests.support.tiny_qwen import FAMILIES, Family, noise_segment, save_tiny_qwen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
REQUEST = with_preceding(noise_segment([0.0, 1.0, 2.0], width_px=120, height_px=90))


@pytest.fixture(scope="module")
def annotators(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, QwenAnnotator]:
    """An annotator of each family."""
    folder: Path = tmp_path_factory.mktemp("models")
    return {family: QwenAnnotator(save_tiny_qwen(folder / family, family)) for family in FAMILIES}


@pytest.fixture(params=FAMILIES)
def annotator(request: pytest.FixtureRequest, annotators: dict[Family, QwenAnnotator]) -> QwenAnnotator:
    """The annotator of one family."""
    return annotators[request.param]


def answer_of(annotator: QwenAnnotator, *requests: AnnotationRequest) -> list[AnnotationAnswer]:
    """Its answers, none of which is a failure."""
    found = list(annotator.annotate(requests))
    assert all(isinstance(each, AnnotationAnswer) for each in found), found
    return [each for each in found if isinstance(each, AnnotationAnswer)]


def inputs_of(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the model is given from now on, call by call."""
    model, calls = annotator._qwen.model, list[Any]()
    generate: Callable[..., Any] = model.generate

    def noted(**inputs: Any) -> Any:  # noqa: ANN401
        calls.append(inputs)
        return generate(**inputs)

    monkeypatch.setattr(model, "generate", noted)
    return calls


def test_they_are_pictures_of_the_videos_size(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model sees three still pictures and the video; its answer is about the segment, and their tokens count."""
    calls = inputs_of(annotator, monkeypatch)
    (alone,) = answer_of(annotator, replace(REQUEST, preceding=()))
    (answer,) = answer_of(annotator, REQUEST)
    grids = calls[1]["image_grid_thw"].tolist()
    video = calls[1]["video_grid_thw"].tolist()[0]
    assert "image_grid_thw" not in calls[0]
    assert grids == [[1, *video[1:]]] * 3
    assert (answer.frames, answer.preceding_frames, alone.preceding_frames) == (3, 3, 0)
    visual = 3 * video[1] * video[2] // 4
    assert answer.tokens_in > alone.tokens_in + visual
    actions = parse_answer(answer.raw, REQUEST, answer.box_space).actions
    assert actions[0].t_start_s >= 0.0
    assert actions[-1].t_end_s <= REQUEST.duration_s


def test_company_changes_nothing(annotator: QwenAnnotator) -> None:
    """In a batch with segments that have none, or others, each answer is as it is alone."""
    requests = [
        REQUEST,
        noise_segment([0.0, 1.0], seed=1),
        with_preceding(noise_segment([0.0, 1.0, 2.0, 3.0], seed=2), seed=91),
    ]
    together = answer_of(annotator, *requests)
    alone = [answer_of(annotator, request)[0] for request in requests]
    assert [(a.raw, a.tokens_in) for a in together] == [(a.raw, a.tokens_in) for a in alone]
    assert [each.preceding_frames for each in together] == [3, 0, 3]


def test_what_is_seen_before_makes_a_difference(annotator: QwenAnnotator) -> None:
    """Other pictures before the same segment: other logits of the answer's first token."""
    import torch

    first, second = (annotator._question(with_preceding(REQUEST, seed), 32) for seed in (90, 91))
    with torch.inference_mode():
        logits = [annotator._qwen.model(**annotator._inputs([each])).logits[0, -1] for each in (first, second)]
    assert first.text == second.text
    assert float((logits[0] - logits[1]).abs().max()) > 1e-4


def test_positions_follow_one_another(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words after the pictures and the video come after both, one position a token."""
    calls = inputs_of(annotator, monkeypatch)
    answer_of(annotator, REQUEST)
    inputs = calls[0]
    positions, _ = annotator._qwen.model.model.get_rope_index(
        inputs["input_ids"],
        inputs["mm_token_type_ids"],
        image_grid_thw=inputs["image_grid_thw"],
        video_grid_thw=inputs["video_grid_thw"],
        attention_mask=inputs["attention_mask"],
        **({"second_per_grid_ts": inputs["second_per_grid_ts"]} if "second_per_grid_ts" in inputs else {}),
    )
    kinds = inputs["mm_token_type_ids"][0]
    time = positions[0, 0]
    images, videos = ((kinds == kind).nonzero().flatten().tolist() for kind in (1, 2))
    between = range(images[-1] + 1, videos[0])
    assert time[images].max() < time[list(between)].min()
    assert time[list(between)].max() < time[videos].min()
    after = range(videos[-1] + 1, len(kinds))
    assert int(time[after[0]]) > int(positions[:, 0, : after[0]].max())
    assert (time[list(after)].diff() == 1).all()


def test_full_memory_takes_them_first(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The segment keeps all its frames."""
    import torch

    model = annotator._qwen.model
    generate: Callable[..., Any] = model.generate

    def limited(**inputs: Any) -> Any:  # noqa: ANN401
        if "image_grid_thw" in inputs:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**inputs)

    monkeypatch.setattr(model, "generate", limited)
    (answer,) = answer_of(annotator, REQUEST)
    assert (answer.frames, answer.preceding_frames) == (3, 0)


def test_a_short_context_takes_them_first(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was made for fewer tokens than the request and its longest answer have sees the segment alone."""
    whole = annotator._question(REQUEST, 32).tokens
    needed = whole.prompt_tokens + whole.new_tokens_max
    monkeypatch.setattr(annotator, "_context_tokens", needed - 1)
    (answer,) = answer_of(annotator, REQUEST)
    assert (answer.frames, answer.preceding_frames) == (3, 0)
    monkeypatch.setattr(annotator, "_context_tokens", needed)
    assert answer_of(annotator, REQUEST)[0].preceding_frames == 3


def test_what_is_no_picture_is_left_out(annotator: QwenAnnotator) -> None:
    """The others are shown."""
    broken = replace(REQUEST, preceding=(RequestFrame(-2.7, b"junk"), *REQUEST.preceding[1:]))
    assert answer_of(annotator, broken)[0].preceding_frames == 2
