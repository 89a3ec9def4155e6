"""Some frames of an episode at several distances, to choose one by: nothing of them is kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stream.alignment.cameras import source_camera
from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.fill.hole_fill import HoleFill
from stream.alignment.items import AlignedFrame, DepthFrame
from stream.alignment.models import AlignModels
from stream.alignment.options import AlignOptions
from stream.alignment.stages.estimate_depth import EstimateDepth
from stream.alignment.stages.fill_holes import FillHoles
from stream.alignment.stages.warp_frames import WarpFrames
from stream.alignment.viewpoint import moved
from stream.alignment.warp.surfels import SurfelWarp
from stream.errors import InputError, UsageError
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import End, Item, UInt8
from stream.pipeline.stage import Pipeline, drive


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One frame at every distance."""

    number: int
    """Of the frame in its episode."""
    source: UInt8
    """(H, W, 3) BGR, of the source camera."""
    aligned: Mapping[float, AlignedFrame]
    """By distance, metres."""


class DistanceTrials:
    """Aligns single frames as ``align`` would, with those around them to borrow from.

    A model's depth has the scale of the first of these frames, and not that of the episode's first frame.
    """

    def __init__(self, source: EpisodeSource, options: AlignOptions, models: AlignModels) -> None:
        """Find the cameras.

        Raises:
            InputError: a camera cannot be read, or does not fit.
            ModelUnavailableError: a package is missing.
            UsageError: the source's camera is not known.
        """
        self._source, self._options, self._models = source, options, models
        camera = source_camera(options.intrinsics, source.k, (source.width_px, source.height_px), source.path.name)
        target = camera if options.target_camera is None else PinholeCamera.from_file(options.target_camera)
        self.target = target
        self._warp = SurfelWarp(camera, target)

    def of(self, number: int, distances_m: Sequence[float]) -> Trial:
        """One frame at these distances.

        Raises:
            InputError: the frame cannot be aligned.
            UsageError: there is no such frame.
        """
        frames = list(self._with_depth(number))
        middle = next((each for each in frames if each.source.index == number), None)
        if middle is None:
            raise UsageError(f"{self._source.path} has no frame {number}; frames are numbered from 0")
        if middle.depth is None or middle.source.picture is None:
            raise InputError(f"frame {number} of {self._source.path} cannot be aligned: {middle.problem}")
        aligned = {distance_m: self._aligned(frames, number, distance_m) for distance_m in distances_m}
        return Trial(number, middle.source.picture, aligned)

    def _aligned(self, frames: Sequence[DepthFrame], number: int, distance_m: float) -> AlignedFrame:
        pose = moved(
            self._options.trajectory, distance_m, 0.0, self._options.seed, self._source.name
        ).target_from_source
        size_px = self.target.width_px, self.target.height_px
        stages = Pipeline([WarpFrames(self._warp, pose), FillHoles(self._fill(pose), size_px)])
        finished = drive(stages, [*frames, End("end_of_stream", 0.0, len(frames))])
        return next(
            each for each in finished if isinstance(each, AlignedFrame) and each.before.before.source.index == number
        )

    def _with_depth(self, number: int) -> Iterator[DepthFrame]:
        """The frame and those that may lend to it."""
        estimate = EstimateDepth(
            self._models.depth, self._warp.source, self._options.batch_size, metres_per_unit=self._options.depth_scale
        )
        found = drive(estimate, self._around(number))
        return (each for each in found if isinstance(each, DepthFrame))

    def _around(self, number: int) -> Iterator[Item]:
        look_around, batch = self._fill(RigidPose.identity()).look_around_frames, self._options.batch_size
        frames = 0
        for frame in self._source.frames_from(max(0, number - look_around) // batch * batch):
            if frame.index > number + look_around:
                break
            yield frame
            frames += 1
        yield End("end_of_stream", 0.0, frames)

    def _fill(self, target_from_source: RigidPose) -> HoleFill:
        """A new one: it remembers frames."""
        inpainter, prompt, seed = self._models.inpainter, self._options.prompt, self._options.seed
        return HoleFill(self._warp, target_from_source, inpainter, prompt=prompt, seed=seed)


def frame_numbers(source: EpisodeSource) -> Sequence[int]:
    """The numbers of all frames.

    Raises:
        UsageError: the episode does not say how many it has.
    """
    if source.frames is None:
        raise UsageError(f"{source.path} does not say how many frames it has: choose some with --frames")
    return range(source.frames)
