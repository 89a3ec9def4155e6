"""The fill of an episode's holes: a look-around over its frames."""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from models.inpaint.inpainter import Inpainter
from stream.alignment.fill.frames import FilledFrame, Origin, WarpedFrame
from stream.alignment.fill.push_pull import fill_by_push_pull
from stream.pipeline.items import Float32, UInt8


class HoleFill:
    """Fills the holes of warped frames.

    Frames of one episode are pushed in order; each comes back once as many later ones are there as may lend to it, the
    rest with ``flush``.
    """

    look_around_frames: int = 0
    """How many frames before and after one may lend to it: a fill that begins so many earlier gives the same."""

    def __init__(self, inpainter: Inpainter | None = None, *, prompt: str = "", seed: int = 0) -> None:
        """Without an inpainter, what no frame shows is filled by push-pull."""
        self._inpainter = inpainter
        self._prompt = prompt
        self._seed = seed

    def push(self, frame: WarpedFrame) -> Iterator[FilledFrame]:
        """Take the next frame of the episode; its arrays must not change afterwards. Gives the frames that are due."""
        yield self._filled(frame)

    def flush(self) -> Iterator[FilledFrame]:
        """The frames that are left at the end of the episode."""
        return iter(())

    def _filled(self, frame: WarpedFrame) -> FilledFrame:
        warped = frame.warped
        origin = np.where(warped.is_real, Origin.REAL, Origin.GENERATED).astype(np.uint8)
        is_hole = origin == Origin.GENERATED
        painted = self._painted(warped.picture, is_hole, warped.inverse_z)
        picture = np.where(is_hole[..., None], painted, warped.picture)
        return FilledFrame(frame.index, picture, origin, ())

    def _painted(self, picture: UInt8, is_hole: npt.NDArray[np.bool_], inverse_z: Float32) -> UInt8:
        if self._inpainter is None or not is_hole.any():
            return fill_by_push_pull(picture, is_hole, inverse_z)
        rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        painted = self._inpainter.inpaint(rgb, is_hole, self._prompt, self._seed)
        return np.asarray(cv2.cvtColor(painted, cv2.COLOR_RGB2BGR), np.uint8)
