"""What a Qwen-VL is shown, held against qwen-vl-utils, the preprocessing of the model's authors.

Its rules are kept: sizes are such as ``smart_resize`` leaves alone, metadata and messages are the same. It is not used
to prepare frames, since it differs in three points:

- A list of frames is rounded to multiples of twice the square of a visual token (56 or 64 pixels) before it is rounded
  to the square (0.0.14, ``fetch_video``), which changes the shape of the picture.
- A list of frames has the times 0, 1 / sample_fps, 2 / sample_fps, ...; ours have their own.
- An odd number of frames is made even by repeating the last one as a frame of its own time.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.annotators.qwen.annotator import PIXELS_MAX
from models.annotators.qwen.frames import shown_size, video_input
from models.packages import make_torchvision_importable
from tests.support.random_qwen import FAMILIES, Family, make_processor
from tests.support.tiny_qwen import noise_segment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
SIDES = {"qwen2_5_vl": 28, "qwen3_vl": 32}


@pytest.fixture(scope="module")
def theirs() -> Any:  # noqa: ANN401  (a module without types)
    """qwen-vl-utils 0.0.14."""
    make_torchvision_importable()
    return pytest.importorskip("qwen_vl_utils.vision_process", reason="the extra test installs qwen-vl-utils")


def their_size(theirs: Any, width_px: int, height_px: int, side_px: int) -> tuple[int, int]:  # noqa: ANN401
    """Width and height by ``smart_resize``."""
    bounds = {"min_pixels": 4 * side_px**2, "max_pixels": PIXELS_MAX}
    height, width = theirs.smart_resize(height_px, width_px, factor=side_px, **bounds)
    return width, height


def changed_shape(size: tuple[int, int], width_px: int, height_px: int) -> float:
    """How much wider or higher a picture becomes, as the logarithm of the ratio."""
    return abs(math.log(size[0] / size[1] * height_px / width_px))


@pytest.mark.parametrize("side_px", SIDES.values())
def test_size_that_is_shown_is_left_alone(theirs: Any, side_px: int) -> None:  # noqa: ANN401
    """Of any shape up to 1:4: a server that follows ``smart_resize`` does not scale what it is sent. Where the size
    differs from that which it would choose, each side does by two squares at most, and ours has no fewer pixels."""
    for width_px in range(64, 1300, 37):
        for height_px in range(max(64, width_px // 4), min(1300, 4 * width_px), 41):
            ours = shown_size(width_px, height_px, side_px=side_px, pixels_max=PIXELS_MAX, squares_min=4)
            assert their_size(theirs, *ours, side_px) == ours
            wanted = their_size(theirs, width_px, height_px, side_px)
            assert max(abs(mine - other) for mine, other in zip(ours, wanted, strict=True)) <= 2 * side_px
            assert math.prod(ours) >= math.prod(wanted)


@pytest.mark.parametrize(("side_px", "squares_min"), [(28, 4), (32, 64)])
@pytest.mark.parametrize("pixels_max", [PIXELS_MAX, PIXELS_MAX // 2])
@given(width_px=st.integers(1, 8192), height_px=st.integers(1, 8192))
def test_any_shape_is_left_alone(
    theirs: Any,  # noqa: ANN401
    side_px: int,
    squares_min: int,
    pixels_max: int,
    width_px: int,
    height_px: int,
) -> None:
    """As a server is sent it, also after it has refused larger ones; shapes beyond 1:200 ``smart_resize`` refuses."""
    ours = shown_size(width_px, height_px, side_px=side_px, pixels_max=pixels_max, squares_min=squares_min)
    assume(max(ours) <= 200 * min(ours))
    bounds = {"min_pixels": squares_min * side_px**2, "max_pixels": pixels_max}
    height, width = theirs.smart_resize(ours[1], ours[0], factor=side_px, **bounds)
    assert (width, height) == ours


@pytest.mark.parametrize(
    ("family", "size", "ours", "list_of_frames"),
    [
        ("qwen2_5_vl", (456, 256), (448, 252), (448, 280)),
        ("qwen2_5_vl", (854, 480), (588, 336), (560, 280)),
        ("qwen3_vl", (456, 256), (448, 256), (448, 256)),
        ("qwen3_vl", (854, 480), (608, 320), (576, 320)),
    ],
)
def test_list_of_frames_is_rounded_more_finely(
    theirs: Any,  # noqa: ANN401
    family: Family,
    size: tuple[int, int],
    ours: tuple[int, int],
    list_of_frames: tuple[int, int],
) -> None:
    """Keyframes of Egocentric-10K and of 1080p: the difference, and that ours keeps the shape at least as well."""
    from PIL import Image

    side_px = SIDES[family]
    frames = [Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8))] * 2
    bounds = {"min_pixels": 4 * side_px**2, "max_pixels": PIXELS_MAX}
    video = theirs.fetch_video({"video": frames, "sample_fps": 1.0, **bounds}, image_patch_size=side_px // 2)
    assert (video.shape[3], video.shape[2]) == list_of_frames
    assert shown_size(*size, side_px=side_px, pixels_max=PIXELS_MAX) == ours
    if family == "qwen2_5_vl":
        assert changed_shape(ours, *size) < changed_shape(list_of_frames, *size)


def their_times_s(theirs: Any, times_s: list[float], fps: float) -> list[float]:  # noqa: ANN401
    """Times of a list of frames by qwen-vl-utils, which is told their rate."""
    from PIL import Image

    frames = [Image.fromarray(np.zeros((56, 56, 3), np.uint8)) for _ in times_s]
    element = {"video": frames, "sample_fps": fps, "min_pixels": 28**2, "max_pixels": 56**2}
    message = {"role": "user", "content": [{"type": "video", **element}]}
    _, [(_, metadata)], arguments = theirs.process_vision_info(
        [message], return_video_kwargs=True, return_video_metadata=True
    )
    assert arguments == {"do_sample_frames": False}
    return [index / metadata["fps"] for index in metadata["frames_indices"]]


def our_times_s(times_s: list[float]) -> list[float]:
    """Times of frames in the metadata that the processor gets."""
    video = video_input(noise_segment(times_s), frames_max=32, even=False, side_px=28, pixels_max=PIXELS_MAX)
    metadata: dict[str, Any] = video.metadata()
    return [index / metadata["fps"] for index in metadata["frames_indices"]]


@pytest.mark.parametrize("fps", [0.5, 1.0, 4.0])
def test_times_of_even_frames_are_the_same(theirs: Any, fps: float) -> None:  # noqa: ANN401
    times_s = [index / fps for index in range(6)]
    assert our_times_s(times_s) == pytest.approx(their_times_s(theirs, times_s, fps), abs=1e-6)


@pytest.mark.parametrize(
    ("times_s", "by_utils_s"),
    [
        ([0.25, 1.25, 2.25, 3.25], [0.0, 1.0, 2.0, 3.0]),
        ([0.0, 1.0, 5.0, 6.0], [0.0, 1.0, 2.0, 3.0]),
        ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0, 3.0]),
    ],
)
def test_other_times_are_true_in_ours_alone(theirs: Any, times_s: list[float], by_utils_s: list[float]) -> None:  # noqa: ANN401
    """A later first frame, a gap, an odd number of frames: qwen-vl-utils counts from 0 without a gap, in pairs."""
    assert their_times_s(theirs, times_s, 1.0) == by_utils_s
    assert our_times_s(times_s) == pytest.approx(times_s, abs=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_message_gives_the_same_text(family: Family) -> None:
    """A message whose video stands beside it gives the text of one that holds its frames, as qwen-vl-utils reads it."""
    processor = make_processor(family)
    texts = [
        processor.apply_chat_template(
            [{"role": "user", "content": [video, {"type": "text", "text": "words"}]}], tokenize=False
        )
        for video in ({"type": "video"}, {"type": "video", "video": ["1.jpg", "2.jpg"], "sample_fps": 1.0})
    ]
    assert texts[0] == texts[1]
