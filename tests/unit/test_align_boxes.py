"""Boxes of a run's annotations as protected region."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stream.alignment.episodes.coding import PictureCoding
from stream.alignment.items import SourceFrame
from stream.pipeline.items import Float64
from stream.run.align_boxes import BoxedEpisode
from tests.support.coded_run import make_coded_run


class FakeEpisode:
    """Frames of 200x100 without pictures, one every half second."""

    name, path, size_bytes, frames = "clip", Path("clip.mp4"), 0, 4
    width_px, height_px, coding = 200, 100, PictureCoding("jpeg")
    k: Float64 | None = None

    def sha256(self) -> str:
        return "0" * 64

    def frames_from(self, first: int) -> Iterator[SourceFrame]:
        return (SourceFrame(index, None, t_s=index / 2) for index in range(first, self.frames))

    def close(self) -> None:
        """Nothing is open."""


def test_boxes_are_protected_while_their_action_lasts(tmp_path: Path) -> None:
    """The box is (20, 40, 60, 80) of a keyframe of 256x128, rounded outwards."""
    run = make_coded_run(tmp_path)
    frames = list(BoxedEpisode(FakeEpisode(), run).frames_from(0))
    expected = np.zeros((100, 200), np.bool_)
    expected[31:63, 15:47] = True
    assert frames[0].is_protected is not None
    assert np.array_equal(frames[0].is_protected, expected)
    assert [frame.is_protected is not None and bool(frame.is_protected.any()) for frame in frames] == [True] * 3 + [
        False
    ]
