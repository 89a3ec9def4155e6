"""Motion between two frames: that of the head, and what moves independently of it."""

import cv2
import numpy as np
import pytest

from stream.geometry.motion import FrameMotion, motion_between, motion_plane
from stream.pipeline.items import EncoderFrame, End, Motion, UInt8
from stream.pipeline.stage import drive
from stream.stages.motion import MeasureMotion

PX = 256
STEP_S = 0.2


@pytest.fixture(scope="module")
def scene() -> UInt8:
    """A picture with structure of every size, larger than a frame."""
    rng = np.random.default_rng(3)
    layers = [cv2.resize(rng.normal(0, 1, (size, size)), (400, 400), interpolation=cv2.INTER_CUBIC) for size in (6, 20)]
    grey = np.clip(128 + 30 * sum(layers), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def view(scene: UInt8, *, across: float = 0.0, degrees: float = 0.0, zoom: float = 1.0) -> UInt8:
    """A frame of the scene from another pose of the head."""
    matrix = cv2.getRotationMatrix2D((200, 200), degrees, zoom)
    matrix[:, 2] += np.array([across - 72.0, -72.0])
    return np.asarray(cv2.warpAffine(scene, matrix, (PX, PX)), np.uint8)


def with_hand(frame: UInt8, x: int, y: int = 150, size: int = 60) -> UInt8:
    """The frame with a textured hand in it."""
    hand = np.random.default_rng(1).integers(120, 220, (6, 6, 3), np.uint8)
    changed = frame.copy()
    changed[y : y + size, x : x + size] = cv2.resize(hand, (size, size))
    return changed


def measured(before: UInt8, after: UInt8) -> FrameMotion:
    return motion_between(motion_plane(before), motion_plane(after), STEP_S)


def test_nothing_moves_in_a_frozen_picture(scene: UInt8) -> None:
    assert measured(view(scene), view(scene)) == FrameMotion(0.0, 0.0)


def test_nothing_moves_without_a_picture() -> None:
    """A covered lens has no structure to track."""
    dark = np.zeros((PX, PX, 3), np.uint8)
    assert measured(dark, dark) == FrameMotion(0.0, 0.0)


@pytest.mark.parametrize("pose", [{"across": 6.0}, {"degrees": 1.5}, {"zoom": 1.02}])
def test_the_heads_motion_is_taken_out(scene: UInt8, pose: dict[str, float]) -> None:
    motion = measured(view(scene), view(scene, **pose))
    assert motion.moving_share == pytest.approx(0.0, abs=0.005)
    assert motion.head_widths_s > 0.02


def test_the_speed_of_the_head_is_in_widths_a_second(scene: UInt8) -> None:
    """12.8 of 256 pixels in 0.2 s are 0.25 widths a second."""
    assert measured(view(scene), view(scene, across=12.8)).head_widths_s == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize("across", [0.0, 6.0])
def test_a_hand_moves_by_itself_whatever_the_head_does(scene: UInt8, across: float) -> None:
    """A hand of 60 by 60 pixels is 5.5% of the picture; its old place and its new one change."""
    before, after = with_hand(view(scene), 80), with_hand(view(scene, across=across), 100 + round(across))
    motion = measured(before, after)
    assert motion.moving_share is not None
    assert 0.02 < motion.moving_share < 0.15


def test_noise_flicker_and_a_dimmer_picture_are_no_motion(scene: UInt8) -> None:
    rng = np.random.default_rng(0)
    noisy = [np.clip(view(scene) * gain + rng.normal(0, 6, (PX, PX, 3)), 0, 255).astype(np.uint8) for gain in (1, 0.95)]
    assert measured(*noisy).moving_share == pytest.approx(0.0, abs=0.005)


def test_a_hand_that_is_elsewhere_a_second_later_has_moved(scene: UInt8) -> None:
    """Frames far apart: the displacement that can be measured is limited, and so must be the one that counts."""
    before, after = (motion_plane(with_hand(view(scene), x)) for x in (20, 170))
    share = motion_between(before, after, 1.0).moving_share
    assert share is not None
    assert share > 0.03


def frames_at(scene: UInt8, times_s: list[float]) -> list[EncoderFrame | End]:
    frames = [EncoderFrame(i, t_s, 0.1, view(scene)) for i, t_s in enumerate(times_s)]
    return [*frames, End("end_of_stream", times_s[-1] + 0.1, len(frames))]


def spans(items: list[EncoderFrame | End]) -> list[tuple[float, float]]:
    return [(i.t_start_s, i.t_end_s) for i in drive(MeasureMotion(), items) if isinstance(i, Motion)]


def test_five_frames_a_second_are_compared(scene: UInt8) -> None:
    """Of 30 fps every sixth frame; of a slower source every frame; over a hole longer than two seconds none."""
    assert spans(frames_at(scene, [i / 30 for i in range(20)])) == [(0.0, 0.2), (0.2, 0.4), (0.4, 0.6)]
    assert spans(frames_at(scene, [0.0, 1.0, 2.0])) == [(0.0, 1.0), (1.0, 2.0)]
    assert spans(frames_at(scene, [0.0, 2.5, 3.0])) == [(2.5, 3.0)]


def test_motion_comes_before_its_frame(scene: UInt8) -> None:
    """So that a barrier behind the frame includes it."""
    kinds = [type(item).__name__ for item in drive(MeasureMotion(), frames_at(scene, [0.0, 0.2]))]
    assert kinds == ["EncoderFrame", "Motion", "EncoderFrame", "End"]
