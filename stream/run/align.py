"""One episode of a call of ``align``: what it is aligned with, from the options, and its alignment."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from stream.alignment.cameras import source_camera
from stream.alignment.episode import AlignedEpisode, align_episode
from stream.alignment.episodes.hdf5 import DataSetNames, Hdf5Episode
from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.fill.hole_fill import LENDERS
from stream.alignment.models import AlignModels
from stream.alignment.options import AlignOptions
from stream.alignment.record import AlignmentWork
from stream.alignment.viewpoint import Viewpoint, moved, read_pose
from stream.errors import UsageError
from stream.geometry.pinhole import PinholeCamera
from stream.records.reading import open_run
from stream.records.schema.alignment import AlignmentSource
from stream.run.align_boxes import BoxedEpisode
from stream.run.align_source import EpisodePlace
from stream.run.align_video import clip_of_run, rectified_video

LOST_SHARE_MAX: Final = 0.01
"""A frame that loses a larger share of its protected pixels is flagged."""

OnProgress = Callable[[int, int | None], None]
"""Called after every finished frame with the number of frames so far, and of all if it is known."""


def align_place(
    place: EpisodePlace, options: AlignOptions, models: AlignModels, progress: OnProgress
) -> AlignedEpisode:
    """Align one episode.

    Raises:
        InputError: the episode, its camera or its depth cannot be read, or do not fit together.
        ModelUnavailableError: a package is missing.
        UsageError: options contradict each other, or the output cannot be written.
        ViolationError: what is protected is lost, and ``--on-violation fail`` is given.
        OSError: the disk is full, or fails.
    """
    source, run_id = open_episode(place, options)
    with closing(source):
        size_px = source.width_px, source.height_px
        camera = source_camera(options.intrinsics, source.k, size_px, source.path.name)
        target = camera if options.target_camera is None else PinholeCamera.from_file(options.target_camera)
        work = AlignmentWork(
            episode=source.name,
            source=_source_record(place, source, options, run_id),
            options=options,
            cameras=(camera, target),
            viewpoint=_viewpoint(options, source.name),
            depth_model=None if models.depth is None else models.depth.facts,
            inpainter=None if models.inpainter is None else models.inpainter.facts,
            lenders=LENDERS,
            lost_share_max=LOST_SHARE_MAX,
        )
        return align_episode(source, work, models, lambda done: progress(done, source.frames))


def open_episode(place: EpisodePlace, options: AlignOptions) -> tuple[EpisodeSource, str | None]:
    """The episode, and the id of its run if it is one's.

    Raises:
        UsageError: an option names a data set, and the episode has none.
    """
    if place.kind == "hdf5":
        names = DataSetNames(
            options.image_key,
            depth=options.depth_key,
            k=options.intrinsics_key,
            poses=options.camera_pose_key,
            protected=options.protect,
        )
        return Hdf5Episode(place.path, names), None
    keys = {
        "--depth_key": options.depth_key,
        "--intrinsics_key": options.intrinsics_key,
        "--camera_pose_key": options.camera_pose_key,
    }
    for flag, name in keys.items():
        if name is not None:
            raise UsageError(f"{flag} {name} names a data set, but {place.path} is no HDF5 episode: omit it")
    source, run_id = _open_video(place)
    return (source if options.protect is None else BoxedEpisode(source, Path(options.protect))), run_id


def open_pictures(place: EpisodePlace, image_key: str | None) -> EpisodeSource:
    """The episode's pictures alone, as ``align`` read them; ``image_key`` is that of its record.

    Raises:
        InputError: it cannot be read.
        UsageError: it is of another kind than what was aligned.
    """
    if (place.kind == "hdf5") != (image_key is not None):
        kind = "a video or a run" if image_key is None else "an HDF5 episode"
        raise UsageError(f"{place.path} is not what was aligned: that is {kind}")
    return _open_video(place)[0] if image_key is None else Hdf5Episode(place.path, DataSetNames(image_key))


def _open_video(place: EpisodePlace) -> tuple[EpisodeSource, str | None]:
    if place.kind == "video":
        return rectified_video(place.path), None
    manifest = open_run(place.path).manifest()
    return clip_of_run(place.path, manifest), manifest.run_id


def _viewpoint(options: AlignOptions, episode: str) -> Viewpoint:
    if options.pose is not None:
        return Viewpoint(read_pose(options.pose))
    distance_m, noise_m = options.movement_distance_m, options.movement_distance_noise_m
    return moved(options.trajectory, distance_m, noise_m, options.seed, episode)


def _source_record(
    place: EpisodePlace, source: EpisodeSource, options: AlignOptions, run_id: str | None
) -> AlignmentSource:
    return AlignmentSource(
        kind=place.kind,
        file=source.path.name,
        size_bytes=source.size_bytes,
        sha256=source.sha256(),
        image_key=options.image_key if place.kind == "hdf5" else None,
        run_id=run_id,
    )
