"""Single frames of a clip: the one at a time, and detailed ones."""

from pathlib import Path

import av
import numpy as np
import pytest

from stream.pipeline.items import UInt8
from stream.sources.table import open_clip
from stream.video.frame_choice import detail, detailed_frames, frame_at
from tests.support.clips import make_clip, texture


def times_s(path: Path, count: int) -> list[float]:
    """When the chosen frames of a clip are, rounded to milliseconds."""
    return [round(each.t_s, 3) for each in detailed_frames(open_clip(str(path)), count)]


def shown(*numbers: int, frames: int = 60) -> list[UInt8]:
    """The pictures of a clip that is grey but for the frames of these numbers."""
    grey = np.full((96, 128, 3), 90, np.uint8)
    return [texture(1, 128, 96)[0] if number in numbers else grey for number in range(frames)]


def test_the_most_detailed_keyframe_is_chosen(tmp_path: Path) -> None:
    """One of the whole clip, or one of each part, and every time the same; the first frame does not count."""
    clip = make_clip(tmp_path / "clip.mp4", pictures=shown(0, 20, 50), key_every=10, start_s=3.0)
    assert times_s(clip, 1) in ([0.667], [1.667])
    assert times_s(clip, 2) == [0.667, 1.667]
    assert times_s(clip, 2) == times_s(clip, 2)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts"])
def test_a_part_without_a_keyframe_gives_its_middle(tmp_path: Path, name: str) -> None:
    """A clip in which decoding begins only at its start, also where no index says so."""
    clip = make_clip(tmp_path / name, frames=60, key_every=60)
    assert times_s(clip, 1) == [1.0]
    assert times_s(clip, 2) == [0.5, 1.5]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.hevc"])
def test_the_only_frame_is_taken(tmp_path: Path, name: str) -> None:
    """Also of a bare stream, which cannot be searched."""
    assert times_s(make_clip(tmp_path / name, frames=1), 3) == [0.0]


def test_a_time_is_counted_from_the_first_frame(tmp_path: Path) -> None:
    """The first frame at or after it, wherever the clip's own times begin."""
    clip = open_clip(str(make_clip(tmp_path / "clip.mp4", frames=30, start_s=5.0)))
    assert frame_at(clip, 0.0).t_s == 0.0
    assert frame_at(clip, 0.51).t_s == pytest.approx(16 / 30, abs=1e-4)


def test_detail_is_low_where_nothing_is_seen() -> None:
    """A sharp picture has more than the same out of focus, and a grey one has none."""
    sharp = np.asarray(texture(1, 320, 240)[0])
    shifted = [np.roll(sharp.astype(np.float64), shift, axis) for shift in range(-4, 5) for axis in (0, 1)]
    blurred = np.mean(shifted, axis=0).astype(np.uint8)
    details = [
        detail(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
        for picture in (np.full_like(sharp, 90), blurred, sharp)
    ]
    assert details[0] == 0.0
    assert details[0] < details[1] < details[2]
