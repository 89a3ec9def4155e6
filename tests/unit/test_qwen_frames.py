"""Frames reach the model at their true times, and in a size that its patches divide."""

import re
from typing import Any

import numpy as np
import pytest

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.box_space import box_space
from models.annotators.qwen.annotator import QwenAnnotator
from models.annotators.qwen.frames import VideoInput, shown_size, shown_stretch, video_input
from models.annotators.qwen.positions import VIDEO
from models.annotators.response.schema import answer_schema, longest_json_bytes
from tests.support.tiny_qwen import FAMILIES, Family, noise_segment, noise_segments, save_tiny_qwen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def annotators(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, QwenAnnotator]:
    """An annotator of each family."""
    return {family: QwenAnnotator(save_tiny_qwen(tmp_path_factory.mktemp(family), family)) for family in FAMILIES}


class SeenError(Exception):
    """The model has been asked; no answer is waited for."""


def inputs_of(annotator: QwenAnnotator, requests: list[AnnotationRequest]) -> dict[str, Any]:
    """What the annotator gives its model's ``generate`` for a batch."""
    model_inputs: dict[str, Any] = {}

    def see(**inputs: Any) -> None:  # noqa: ANN401
        model_inputs.update(inputs)
        raise SeenError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(annotator._qwen.model, "generate", see)
        with pytest.raises(SeenError):
            list(annotator.annotate(requests))
    return model_inputs


def words_of(annotator: QwenAnnotator, inputs: dict[str, Any], row: int = 0) -> str:
    """The prompt of one row, as the model reads it."""
    text: str = annotator._qwen.processor.tokenizer.decode(inputs["input_ids"][row])
    return text


def seconds_in(text: str) -> list[float]:
    """The times that Qwen3-VL is given."""
    return [float(time) for time in re.findall(r"<([\d.]+) seconds>", text)]


@pytest.mark.parametrize("fps", [0.5, 1.0, 2.0, 4.0, 29.97 / 30])
def test_qwen2_5_is_given_the_true_step(annotators: dict[Family, QwenAnnotator], fps: float) -> None:
    """The real processor's seconds between pairs of frames are right to 1% at any rate; the prompt has them."""
    annotator = annotators["qwen2_5_vl"]
    inputs = inputs_of(annotator, [noise_segment([0.25 + index / fps for index in range(7)])])
    assert inputs["second_per_grid_ts"].tolist() == pytest.approx([2 / fps], rel=0.01)
    sentence = f"0.25 seconds after its start, and each further one is {1 / fps:.2f} seconds later"
    assert sentence in words_of(annotator, inputs)


@pytest.mark.parametrize(
    ("times_s", "first_s", "step_s", "frames"),
    [
        ([0.0, 0.2, 9.8, 10.0], 0.2, 9.6, 2),
        ([0.0, 1.0, 2.0, 8.0], 0.0, 1.0, 3),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 14.0, 15.0, 16.0], 0.0, 1.0, 5),
        ([float(t) for t in range(30) if t != 15], 0.0, 2.0, 15),
    ],
)
def test_qwen2_5_never_takes_uneven_times_for_even(
    annotators: dict[Family, QwenAnnotator], times_s: list[float], first_s: float, step_s: float, frames: int
) -> None:
    """Of uneven frames the real processor gets an even choice: its step, and the first frame's time, are true."""
    annotator = annotators["qwen2_5_vl"]
    inputs = inputs_of(annotator, [noise_segment(times_s)])
    assert inputs["second_per_grid_ts"].tolist() == pytest.approx([2 * step_s], rel=1e-6)
    assert int(inputs["video_grid_thw"][0, 0]) == -(-frames // 2)
    assert f"{first_s:.2f} seconds after its start, and each" in words_of(annotator, inputs)


@pytest.mark.parametrize("fps", [0.5, 1.0, 2.0, 4.0])
def test_qwen3_reads_the_true_times(annotators: dict[Family, QwenAnnotator], fps: float) -> None:
    """The times that the real processor writes before pairs of frames are the pairs' own, to its tenth of a second."""
    annotator = annotators["qwen3_vl"]
    times_s = [0.25 + index / fps for index in range(6)]
    prompt = words_of(annotator, inputs_of(annotator, [noise_segment(times_s)]))
    pairs = zip(times_s[::2], times_s[1::2], strict=True)
    assert seconds_in(prompt) == pytest.approx([sum(pair) / 2 for pair in pairs], abs=0.051)
    assert "after its start, and each" not in prompt, "each picture's time is given: an even grid is not needed"


def test_qwen3_reads_uneven_times_as_they_are(annotators: dict[Family, QwenAnnotator]) -> None:
    """Where the camera stood still for a while, the frames' own times are written, not those of an even grid."""
    annotator = annotators["qwen3_vl"]
    inputs = inputs_of(annotator, [noise_segment([0.0, 0.2, 9.8, 10.0])])
    assert seconds_in(words_of(annotator, inputs)) == [0.1, 9.9]


def test_qwen3_has_marks_around_each_pair_alone(annotators: dict[Family, QwenAnnotator]) -> None:
    """As in the release of Qwen3-VL, no further pair of marks is around all of them; see ``qwen.marks``."""
    annotator = annotators["qwen3_vl"]
    words = words_of(annotator, inputs_of(annotator, [noise_segment([float(index) for index in range(6)])]))
    words = re.sub(r"(<\|video_pad\|>)+", "<|video_pad|>", words)
    pairs = "".join(f"<{t_s} seconds><|vision_start|><|video_pad|><|vision_end|>" for t_s in (0.5, 2.5, 4.5))
    assert f"user\n{pairs}You describe" in words


def test_qwen2_5_has_marks_around_the_video(annotators: dict[Family, QwenAnnotator]) -> None:
    annotator = annotators["qwen2_5_vl"]
    words = words_of(annotator, inputs_of(annotator, [noise_segment([float(index) for index in range(6)])]))
    words = re.sub(r"(<\|video_pad\|>)+", "<|video_pad|>", words)
    assert "user\n<|vision_start|><|video_pad|><|vision_end|>You describe" in words


def test_qwen2_5_describes_only_what_it_is_shown(annotators: dict[Family, QwenAnnotator]) -> None:
    """Where frames are missing, the words name the stretch that the others show, and the grammar allows no other."""
    annotator = annotators["qwen2_5_vl"]
    request = noise_segment([0.0, 1.0, 2.0, 5.0, 6.0, 7.0, 8.0])
    shown = annotator._question(request, 32)
    assert shown.video.times_s == (5.0, 6.0, 7.0, 8.0)
    busy, idle = shown.schema["properties"]["actions"]["items"]["anyOf"]
    for form in (busy, idle):
        times = {name: form["properties"][name] for name in ("start_s", "end_s")}
        assert times["start_s"]["minimum"] == 5.0
        assert times["end_s"]["minimum"] == 5.1
    assert "they show only the time from 5.0 to" in shown.text
    assert '"start_s":5.0,' in shown.text
    whole = annotator._question(noise_segment([float(index) for index in range(9)]), 32)
    assert "they show only" not in whole.text
    assert whole.video.stretch is None


@pytest.mark.parametrize(
    ("times_s", "step_s", "stretch"),
    [
        ([0.0, 1.0, 2.0, 3.0], 1.0, None),
        ([0.9, 1.9, 2.9, 3.7], 1.0, None),
        ([0.0, 1.0, 2.0], 1.0, (0.0, 3.0)),
        ([2.0, 3.0], 1.0, (2.0, 4.0)),
        ([1.5, 2.5], 1.0, (1.5, 3.5)),
        ([0.2, 3.8], 3.6, None),
        ([1.0], 1.0, (0.0, 2.0)),
    ],
)
def test_stretch_is_from_the_first_frame_to_a_step_after_the_last(
    times_s: list[float], step_s: float, stretch: tuple[float, float] | None
) -> None:
    """Of a segment of 4.0 s; up to a step before the first frame counts as shown."""
    assert shown_stretch(times_s, step_s, 4.0) == stretch


def test_rows_of_a_batch_keep_their_own_times(annotators: dict[Family, QwenAnnotator]) -> None:
    """Two segments of other rates in one batch each have their own step."""
    inputs = inputs_of(annotators["qwen2_5_vl"], [noise_segment([n / fps for n in range(4)]) for fps in (1.0, 4.0)])
    assert inputs["second_per_grid_ts"].tolist() == pytest.approx([2.0, 0.5], rel=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_longest_answer_has_room(annotators: dict[Family, QwenAnnotator], family: Family) -> None:
    """The model may make as many tokens as the longest answer of the batch has bytes, and one that ends it."""
    annotator = annotators[family]
    requests = [noise_segment([0.0]), noise_segment([0.0, 200.0], width_px=640, height_px=480)]
    space = box_space(annotator._box_unit, annotator._side_px, annotator._side_px)
    longest = max(longest_json_bytes(answer_schema(request, space)) for request in requests)
    assert inputs_of(annotator, requests)["max_new_tokens"] >= longest + 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fps", [0.5, 4.0])
def test_text_tokens_come_after_the_video(annotators: dict[Family, QwenAnnotator], family: Family, fps: float) -> None:
    """The first word behind a video has the position after the video's greatest one, in a padded batch too."""
    import torch

    annotator = annotators[family]
    inputs = inputs_of(annotator, [noise_segment([index / fps for index in range(count)]) for count in (7, 3)])
    types, mask = inputs["mm_token_type_ids"], inputs["attention_mask"]
    names = {"video_grid_thw", "second_per_grid_ts"} & set(inputs)
    positions, deltas = annotator._qwen.model.model.get_rope_index(
        inputs["input_ids"], types, attention_mask=mask, **{name: inputs[name] for name in names}
    )
    for row in range(2):
        words = int((types[row] == VIDEO).nonzero()[-1]) + 1
        behind = positions[:, row, words:]
        first = int(positions[:, row, :words].max()) + 1
        assert torch.equal(behind, torch.arange(first, first + behind.shape[1]).expand(3, -1))
        assert int(mask[row].sum() + deltas[row]) == int(behind.max()) + 1


def test_transformers_still_needs_the_correction(annotators: dict[Family, QwenAnnotator]) -> None:
    """If this fails, transformers computes the positions correctly: delete ``models.annotators.qwen.positions``."""
    annotator = annotators["qwen2_5_vl"]
    inputs = inputs_of(annotator, [noise_segment([float(index) for index in range(12)])])
    model, types = annotator._qwen.model.model, inputs["mm_token_type_ids"]
    arguments = {"attention_mask": inputs["attention_mask"], "video_grid_thw": inputs["video_grid_thw"]}
    arguments |= {"second_per_grid_ts": inputs["second_per_grid_ts"]}
    positions, _ = type(model).get_rope_index(model, inputs["input_ids"], types, **arguments)
    words = int((types[0] == VIDEO).nonzero()[-1]) + 1
    assert int(positions[0, 0, words]) <= int(positions[:, 0, :words].max()), (
        "delete models/annotators/qwen/positions.py"
    )


def test_batch_leaves_memory_for_what_the_plan_does_not_know(
    annotators: dict[Family, QwenAnnotator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many segments go together as fit into four fifths of the free memory, no more."""
    annotator, requests = annotators["qwen2_5_vl"], noise_segments(4)
    rows = [annotator._question(request, 32).tokens for request in requests]
    needed = annotator._footprint.batch_bytes(rows)
    sizes = []
    for free_bytes in (needed, int(needed / 0.79)):
        monkeypatch.setattr("models.annotators.qwen.annotator.free_bytes", lambda _device, free=free_bytes: free)
        sizes.append(len(inputs_of(annotator, requests)["input_ids"]))
    assert sizes[0] < 4
    assert sizes[1] == 4


def clip_of(request: AnnotationRequest) -> VideoInput:
    """As the annotator makes it."""
    return video_input(request, frames_max=32, even=True, side_px=28, pixels_max=200_704)


@pytest.mark.parametrize(
    ("size", "side_px", "pixels_max", "expected"),
    [
        ((456, 256), 28, 200_704, (448, 252)),
        ((456, 256), 32, 200_704, (448, 256)),
        ((854, 480), 28, 200_704, (588, 336)),
        ((854, 480), 28, 10**6, (840, 476)),
        ((10, 10), 28, 200_704, (28, 28)),
        ((4096, 10), 28, 28 * 28 * 4, (112, 28)),
        ((1000, 1000), 28, 1, (28, 28)),
    ],
)
def test_pictures_have_whole_squares(
    size: tuple[int, int], side_px: int, pixels_max: int, expected: tuple[int, int]
) -> None:
    """A picture is shown in whole squares and in no more pixels than allowed, but in one square at least."""
    assert shown_size(*size, side_px=side_px, pixels_max=pixels_max) == expected


def test_pictures_keep_their_colours() -> None:
    """What is red in the JPEG is red in RGB, and frames come in the order of time."""
    import cv2

    def frame(t_s: float, *bgr: int) -> RequestFrame:
        return RequestFrame(t_s, cv2.imencode(".jpg", np.full((56, 56, 3), bgr, np.uint8))[1].tobytes())

    request = AnnotationRequest("s", "0" * 64, 2.0, (frame(0.0, 0, 0, 255), frame(1.0, 255, 0, 0)), 56, 56)
    pictures = clip_of(request).pictures
    np.testing.assert_allclose(pictures[:, 0, 0], [[255, 0, 0], [0, 0, 255]], atol=3)


@pytest.mark.parametrize(
    ("jpeg", "message"),
    [(b"", "is not a picture"), (b"\xff\xd8junk", "is not a picture"), (None, "has 64x48 pixels, expected 8x8")],
)
def test_frames_that_are_not_what_they_should_be_are_refused(jpeg: bytes | None, message: str) -> None:
    """A frame that does not decode, or has another size than its segment says, is an error that names it."""
    good = noise_segment([0.0]).frames[0].jpeg
    request = AnnotationRequest("s7", "0" * 64, 2.0, (RequestFrame(0.5, good if jpeg is None else jpeg),), 8, 8)
    with pytest.raises(ValueError, match=f"the frame at 0.500 s of segment s7 {message}"):
        clip_of(request)
