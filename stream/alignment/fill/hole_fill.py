"""The fill of an episode's holes: from the frames around each frame first, then by an inpainter."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.inpaint.inpainter import Inpainter
from stream.alignment.camera_motion import estimate_motion
from stream.alignment.fill.borrow import borrow
from stream.alignment.fill.frames import FilledFrame, Origin, WarpedFrame
from stream.alignment.fill.push_pull import fill_by_push_pull
from stream.alignment.warp.warp import Warp, Warped
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, UInt8

LENDERS: Final = (-3, 3, -6, 6, -12, 12)
"""The frames that are asked, counted from the frame with the holes, in this order: near ones are the most alike, far
ones show the most."""
_OPEN_LEAST: Final = 2e-4
"""Share of the picture below which open holes are not worth another warp."""
_NOTHING: Final = np.empty((0, 0, 2), np.float32)
_NO_VIEW: Final = Warped(np.empty((0, 0, 3), np.uint8), np.empty((0, 0), np.bool_), _NOTHING, _NOTHING[..., 0])
"""In place of what is no longer needed of a frame."""


class HoleFill:
    """Fills the holes of the warped frames of one episode.

    Frames are pushed in order; numbers may be missing. Each comes back once the last frame is there that may lend to
    it, the rest with ``flush``. A frame's result depends on no more than ``look_around_frames`` earlier and as many
    later ones, so an episode can be continued anywhere by pushing so many earlier frames again.
    """

    def __init__(
        self,
        warp: Warp,
        target_from_source: RigidPose,
        inpainter: Inpainter | None = None,
        *,
        lenders: tuple[int, ...] = LENDERS,
        prompt: str = "",
        seed: int = 0,
    ) -> None:
        """Prepare an episode.

        Args:
            warp: From the source camera to the target camera.
            target_from_source: Pose of the target camera.
            inpainter: Paints what no frame shows; None for push-pull.
            lenders: The frames that are asked, from the frame with the hole; none to borrow nothing.
            prompt: For the inpainter.
            seed: For the inpainter, the same for all frames.
        """
        before, after = -min((0, *lenders)), max((0, *lenders))
        self.look_around_frames: Final = max(before, after)
        """How many frames before and after one may lend to it, at most."""
        self._warp, self._target_from_source = warp, target_from_source
        self._inpainter, self._prompt, self._seed = inpainter, prompt, seed
        self._lenders, self._frames_after = lenders, after
        self._window: deque[WarpedFrame] = deque(maxlen=before + 1 + after)
        self._motions: deque[RigidPose | None] = deque(maxlen=self._window.maxlen)
        """For each frame of the window, its source camera from that of the frame before; None if that is not known."""
        self._waiting = 0
        """Number of frames at the window's end that have not come back."""

    def push(self, frame: WarpedFrame) -> Iterator[FilledFrame]:
        """Take the next frame of the episode, whose arrays must not change afterwards; give the frames that are due."""
        self._motions.append(self._motion_to(frame))
        self._window.append(replace(frame, warped=replace(frame.warped, source_xy=_NOTHING)))
        self._waiting += 1
        while self._window[-self._waiting].index + self._frames_after <= frame.index:
            yield self._next()

    def flush(self) -> Iterator[FilledFrame]:
        """The frames that are left at the end of the episode."""
        while self._waiting:
            yield self._next()

    def _next(self) -> FilledFrame:
        position = len(self._window) - self._waiting
        filled = self._filled(position)
        self._window[position] = replace(self._window[position], warped=_NO_VIEW)
        self._waiting -= 1
        return filled

    def _motion_to(self, frame: WarpedFrame) -> RigidPose | None:
        """The source camera of a new frame from that of the last one: as given, else as estimated."""
        if not self._window or not self._lenders:
            return None
        last = self._window[-1]
        if last.world_from_source is not None and frame.world_from_source is not None:
            return frame.world_from_source.inverse() @ last.world_from_source
        motion = estimate_motion(self._warp.source, last.picture, last.depth, frame.picture, last.is_excluded)
        return None if motion is None else motion.second_from_first

    def _filled(self, position: int) -> FilledFrame:
        """The frame at a position in the window, filled."""
        frame = self._window[position]
        warped = frame.warped
        picture, inverse_z = warped.picture.copy(), warped.inverse_z.copy()
        origin = np.where(warped.is_real, Origin.REAL, Origin.GENERATED).astype(np.uint8)
        positions = {each.index: at for at, each in enumerate(self._window)}
        borrowed_from: list[int] = []
        for offset in self._lenders:
            is_hole = origin == Origin.GENERATED
            if np.count_nonzero(is_hole) <= _OPEN_LEAST * is_hole.size:
                break
            there = positions.get(frame.index + offset)
            motion = None if there is None else self._motion_between(there, position)
            if there is None or motion is None:
                continue
            lender = self._window[there]
            lent = borrow(frame, is_hole, lender, motion, self._target_from_source, self._warp)
            if lent is not None:
                picture[lent.is_lent] = lent.picture[lent.is_lent]
                inverse_z[lent.is_lent] = lent.inverse_z[lent.is_lent]
                origin[lent.is_lent] = Origin.BORROWED
                borrowed_from.append(lender.index)
        is_hole = origin == Origin.GENERATED
        painted = self._painted(picture, is_hole, inverse_z)
        picture = np.where(is_hole[..., None], painted, picture)
        return FilledFrame(frame.index, picture, origin, tuple(borrowed_from))

    def _motion_between(self, first: int, second: int) -> RigidPose | None:
        """The source camera at one position of the window from that at another; None if it is not known."""
        if first > second:
            back = self._motion_between(second, first)
            return None if back is None else back.inverse()
        motion = RigidPose.identity()
        for position in range(first + 1, second + 1):
            step = self._motions[position]
            if step is None:
                return None
            motion = step @ motion
        return motion

    def _painted(self, picture: UInt8, is_hole: npt.NDArray[np.bool_], inverse_z: Float32) -> UInt8:
        if self._inpainter is None or not is_hole.any():
            return fill_by_push_pull(picture, is_hole, inverse_z)
        rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        painted = self._inpainter.inpaint(rgb, is_hole, self._prompt, self._seed)
        return np.asarray(cv2.cvtColor(painted, cv2.COLOR_RGB2BGR), np.uint8)
