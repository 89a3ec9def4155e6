"""What travels along the stages of view alignment: a frame, and what each stage adds to it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.alignment.warp.warp import Warped
from stream.geometry.pose import RigidPose
from stream.pipeline.items import LocalItem, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame(LocalItem):
    """One frame of an episode, as the person's camera saw it."""

    index: int
    """0, 1, 2, ... in the episode."""
    picture: UInt8 | None
    """(H, W, 3) BGR; None if it cannot be read."""
    problem: str = ""
    """Why it cannot be read; empty if it can."""
    t_s: float | None = None
    """Its time in seconds from the episode's first frame; None if the episode does not say."""
    sha256: str | None = None
    """Of the picture's bytes as the source stores them; None if it does not store them one by one, as a video."""
    depth: Depth | None = None
    """Of the picture, if the episode has it."""
    world_from_source: RigidPose | None = None
    """Pose of the camera, of one world in the whole episode; None if it is not known."""
    is_protected: npt.NDArray[np.bool_] | None = None
    """(H, W); None if nothing is protected."""
    is_recorded: npt.NDArray[np.bool_] | None = None
    """(H, W) whether the camera recorded a pixel, where rectification left some black; None: all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class DepthFrame(LocalItem):
    """A frame with its depth; one without it has failed, and ``problem`` says why."""

    source: SourceFrame
    depth: Depth | None
    problem: str = ""
    scale: float | None = None
    """By which it was multiplied to fit the frames before; None if it was not compared with them."""


@dataclass(frozen=True, slots=True)
class ProtectedPixels:
    """What became of the protected pixels of a frame."""

    seen: int
    """Those that fall into the target's view, or have no valid depth."""
    lost: int
    """Those of them that land in a hole, or have no valid depth."""

    @property
    def lost_share(self) -> float:
        """0 to 1; 0 if none is seen."""
        return self.lost / self.seen if self.seen else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TargetFrame(LocalItem):
    """A frame in the target camera; ``warped`` is None if it has failed."""

    before: DepthFrame
    warped: Warped | None
    protected: ProtectedPixels | None = None
    """None if nothing is protected, or the frame has failed."""


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFrame(LocalItem):
    """A finished frame."""

    before: TargetFrame
    picture: UInt8
    """(H, W, 3) BGR in the target camera; black if the frame has failed."""
    origin: UInt8
    """(H, W): 0 real, 1 real from another frame, 2 generated; all 2 if the frame has failed."""
    borrowed_from: tuple[int, ...] = ()
    """The frames that pixels were borrowed from."""
