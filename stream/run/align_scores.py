"""Scores each distance against pictures of the real robot camera."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.alignment.episodes.coding import decoded
from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.models import AlignModels
from stream.alignment.options import AlignOptions
from stream.alignment.scores.points import Points, read_points
from stream.alignment.scores.scores import DistanceScore, PictureScore, score_frames
from stream.errors import InputError, UsageError
from stream.pipeline.items import UInt8
from stream.run.align_trials import DistanceTrials

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class RealPictures:
    """Pictures of the real robot camera."""

    names: Sequence[str]
    pictures: Sequence[UInt8]
    """(H, W, 3) BGR each."""
    numbers: Sequence[int]
    """The frame of each."""
    points: Mapping[str, Points]
    """By the name of the picture."""

    @classmethod
    def read(cls, paths: Sequence[Path], frames: str | None, points: Path | None) -> "RealPictures":
        """Those of a call.

        Raises:
            InputError: a picture cannot be read.
            UsageError: there are fewer frames or more, two pictures have one name, or the points do not fit.
        """
        names = tuple(path.name for path in paths)
        if len(set(names)) < len(names):
            raise UsageError("--real: two pictures have the same name: rename one")
        numbers = _numbers(frames, len(paths))
        marked = {} if points is None else read_points(points, names)
        return cls(names, [_read(path) for path in paths], numbers, marked)


def score_distances(
    source: EpisodeSource,
    options: AlignOptions,
    models: AlignModels,
    real: RealPictures,
    distances_m: Sequence[float],
    progress: OnProgress,
) -> Sequence[DistanceScore]:
    """The scores of each distance, in the order of ``distances_m``.

    Raises:
        InputError: a frame cannot be aligned, or a picture has another size than the target camera.
        UsageError: a frame is not there.
    """
    trials = DistanceTrials(source, options, models)
    size_px = trials.target.width_px, trials.target.height_px
    by_distance: dict[float, list[PictureScore]] = {each: [] for each in distances_m}
    pictures = zip(real.names, real.pictures, real.numbers, strict=True)
    for done, (name, picture, number) in enumerate(pictures, 1):
        height, width = picture.shape[:2]
        if (width, height) != size_px:
            raise InputError(
                f"{name} is {width}x{height}, but the target camera's pictures are {size_px[0]}x{size_px[1]}: give the "
                "robot's camera with --target-camera"
            )
        scores = score_frames(name, picture, trials.of(number, distances_m).aligned, real.points.get(name, {}))
        for distance_m, score in scores.items():
            by_distance[distance_m].append(score)
        progress(done, len(real.names))
    return [DistanceScore(distance_m, scores) for distance_m, scores in by_distance.items()]


def _numbers(frames: str | None, pictures: int) -> Sequence[int]:
    """One frame a picture, in the order in which they are named."""
    if frames is None:
        if pictures > 1:
            raise UsageError(f"--real names {pictures} pictures: give the frame of each with --frames, such as 0,40,80")
        return [0]
    try:
        numbers = [int(word) for word in frames.split(",")]
    except ValueError as error:
        raise UsageError(f"--frames {frames} is no list of frame numbers: give such as 0,40,80") from error
    if len(numbers) != pictures or min(numbers) < 0:
        raise UsageError(
            f"--frames {frames} must name one frame, from 0 on, for each picture of --real, and there are {pictures}"
        )
    return numbers


def _read(path: Path) -> UInt8:
    try:
        picture = decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"--real {path} cannot be read: {error.strerror}") from error
    if picture is None:
        raise InputError(f"--real {path} is no whole picture; give a png or a jpg")
    return picture
