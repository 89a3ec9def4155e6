"""Frames reach the model at their true times, and in a size that its patches divide."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.annotator import AnnotationRequest, Frame
from models.packages import make_torchvision_importable
from models.qwen.frames import Clip, even_choice, make_clip, shown_size
from models.qwen.positions import VIDEO, put_words_after_videos
from tests.tiny_qwen import FAMILIES, Family, noise_segment, save_tiny_qwen

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, Path]:
    """A checkpoint of each family."""
    return {family: save_tiny_qwen(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


def clip_of(request: AnnotationRequest, side_px: int = 28) -> Clip:
    """As the annotator makes it."""
    return make_clip(request, frames_max=32, side_px=side_px, pixels_max=200_704)


def processed(folder: Path, clips: list[Clip]) -> tuple[Any, Any]:
    """The processor of a checkpoint, and what it makes of videos with a text after each."""
    make_torchvision_importable()
    import transformers

    auto: Any = transformers.AutoProcessor
    processor = auto.from_pretrained(folder, local_files_only=True)
    message = {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "what is done here?"}]}
    inputs = processor(
        text=[processor.apply_chat_template([message], tokenize=False, add_generation_prompt=True)] * len(clips),
        videos=[clip.pictures for clip in clips],
        video_metadata=[clip.metadata() for clip in clips],
        do_sample_frames=False,
        do_resize=False,
        cap_pixels_per_frame=False,
        padding=True,
        padding_side="left",
        return_tensors="pt",
    )
    return processor, inputs


@pytest.mark.parametrize("fps", [0.5, 1.0, 2.0, 4.0, 29.97 / 30])
def test_qwen2_5_is_told_the_true_step(folders: dict[Family, Path], fps: float) -> None:
    """The real processor's seconds between pairs of frames are right to 1%, whatever the rate."""
    clip = clip_of(noise_segment([0.25 + index / fps for index in range(7)]))
    _, inputs = processed(folders["qwen2_5_vl"], [clip])
    assert inputs["second_per_grid_ts"].tolist() == pytest.approx([2 / fps], rel=0.01)


@pytest.mark.parametrize("fps", [0.5, 1.0, 2.0, 4.0])
def test_qwen3_reads_the_true_times(folders: dict[Family, Path], fps: float) -> None:
    """The times that the real processor writes before pairs of frames are the pairs' own, to its tenth of a second."""
    times_s = [0.25 + index / fps for index in range(6)]
    processor, inputs = processed(folders["qwen3_vl"], [clip_of(noise_segment(times_s), side_px=32)])
    written = re.findall(r"<([\d.]+) seconds>", processor.tokenizer.decode(inputs["input_ids"][0]))
    pairs = zip(times_s[::2], times_s[1::2], strict=True)
    assert [float(time) for time in written] == pytest.approx([sum(pair) / 2 for pair in pairs], abs=0.051)


def test_qwen3_reads_uneven_times_as_they_are(folders: dict[Family, Path]) -> None:
    """Where the camera stood still for a while, the frames' own times are written, not those of an even grid."""
    clip = clip_of(noise_segment([0.0, 0.2, 9.8, 10.0]), side_px=32)
    processor, inputs = processed(folders["qwen3_vl"], [clip])
    written = re.findall(r"<([\d.]+) seconds>", processor.tokenizer.decode(inputs["input_ids"][0]))
    assert clip.times_s == (0.0, 0.2, 9.8, 10.0)
    assert [float(time) for time in written] == [0.1, 9.9]


def test_rows_of_a_batch_keep_their_own_times(folders: dict[Family, Path]) -> None:
    """Two segments of other rates in one batch each have their own step."""
    clips = [clip_of(noise_segment([index / fps for index in range(4)])) for fps in (1.0, 4.0)]
    _, inputs = processed(folders["qwen2_5_vl"], clips)
    assert inputs["second_per_grid_ts"].tolist() == pytest.approx([2.0, 0.5], rel=0.01)


@pytest.mark.parametrize(
    ("times_s", "most", "chosen", "step_s"),
    [
        ([0.0, 1.0, 2.0, 3.0], 8, [0, 1, 2, 3], 1.0),
        ([0.0, 1.001, 2.002, 3.003], 8, [0, 1, 2, 3], 1.001),
        ([0.0, 0.97, 2.03, 3.0], 8, [0, 1, 2, 3], 1.0),  # as frames lie that are the first after each second
        ([float(t) for t in range(10)], 4, [0, 3, 6, 9], 3.0),
        ([float(t) for t in range(9)], 4, [0, 3, 6], 3.0),
        ([0.0, 1.0, 2.0, 8.0], 8, [0, 2, 3, 3], 8 / 3),  # nearest to 0, 2.7, 5.3 and 8
        ([5.0], 8, [0], 1.0),
        ([0.0, 1.0], 1, [0], 1.0),
    ],
)
def test_frames_are_chosen_evenly(times_s: list[float], most: int, chosen: list[int], step_s: float) -> None:
    """Even frames are taken whole or every n-th, uneven ones by an even grid: never as if they were even."""
    indices, step = even_choice(times_s, most)
    assert indices == chosen
    assert step == pytest.approx(step_s)


@pytest.mark.parametrize(
    ("size", "side_px", "pixels_max", "shown"),
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
    size: tuple[int, int], side_px: int, pixels_max: int, shown: tuple[int, int]
) -> None:
    """A picture is shown in whole squares and in no more pixels than allowed, but in one square at least."""
    assert shown_size(*size, side_px=side_px, pixels_max=pixels_max) == shown


def test_pictures_keep_their_colours() -> None:
    """What is red in the JPEG is red in RGB, and frames come in the order of time."""
    import cv2

    def frame(t_s: float, *bgr: int) -> Frame:
        return Frame(t_s, cv2.imencode(".jpg", np.full((56, 56, 3), bgr, np.uint8))[1].tobytes())

    request = AnnotationRequest("s", "0" * 64, 2.0, (frame(0.0, 0, 0, 255), frame(1.0, 255, 0, 0)), 56, 56)
    pictures = clip_of(request).pictures
    np.testing.assert_allclose(pictures[:, 0, 0], [[255, 0, 0], [0, 0, 255]], atol=3)


@pytest.mark.parametrize(
    ("jpeg", "said"),
    [(b"", "is no picture"), (b"\xff\xd8junk", "is no picture"), (None, "has 64x48 pixels, expected 8x8")],
)
def test_frames_that_are_not_what_they_should_be_are_refused(jpeg: bytes | None, said: str) -> None:
    """A frame that does not decode, or has another size than its segment says, is an error that names it."""
    good = noise_segment([0.0]).frames[0].jpeg
    request = AnnotationRequest("s7", "0" * 64, 2.0, (Frame(0.5, good if jpeg is None else jpeg),), 8, 8)
    with pytest.raises(ValueError, match=f"the frame at 0.500 s of segment s7 {said}"):
        clip_of(request)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fps", [0.5, 4.0])
def test_words_come_after_the_video(folders: dict[Family, Path], family: Family, fps: float) -> None:
    """The first word behind a video has the position after the video's greatest one, in a padded batch too."""
    make_torchvision_importable()
    import torch
    import transformers

    lengths = (7, 3)
    side_px = 28 if family == "qwen2_5_vl" else 32
    clips = [clip_of(noise_segment([index / fps for index in range(count)]), side_px) for count in lengths]
    _, inputs = processed(folders[family], clips)
    auto: Any = transformers.AutoModelForImageTextToText
    model = auto.from_pretrained(folders[family], local_files_only=True)
    put_words_after_videos(model)
    types, mask = inputs["mm_token_type_ids"], inputs["attention_mask"]
    names = {"video_grid_thw", "second_per_grid_ts"} & set(inputs)
    positions, deltas = model.model.get_rope_index(
        inputs["input_ids"], types, attention_mask=mask, **{name: inputs[name] for name in names}
    )
    for row in range(len(lengths)):
        words = int((types[row] == VIDEO).nonzero()[-1]) + 1
        behind = positions[:, row, words:]
        first = int(positions[:, row, :words].max()) + 1
        assert torch.equal(behind, torch.arange(first, first + behind.shape[1]).expand(3, -1))
        assert int(mask[row].sum() + deltas[row]) == int(behind.max()) + 1
