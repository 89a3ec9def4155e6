"""Aligns one episode: its frames go through the stages into the spool, and its files are made when all are there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stream.alignment.episodes.coding import PictureCoding
from stream.alignment.episodes.output import EpisodeOutput
from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.episodes.spool import Spool
from stream.alignment.episodes.write import write_episode
from stream.alignment.fill.hole_fill import HoleFill
from stream.alignment.items import AlignedFrame
from stream.alignment.models import AlignModels
from stream.alignment.record import AlignmentWork, FrameTotals
from stream.alignment.resumption import StartingPoint, starting_point
from stream.alignment.stages.estimate_depth import EstimateDepth
from stream.alignment.stages.fill_holes import FillHoles
from stream.alignment.stages.spool_frames import SpoolFrames
from stream.alignment.stages.warp_frames import WarpFrames
from stream.alignment.warp.surfels import SurfelWarp
from stream.errors import InputError, ViolationError
from stream.pipeline.items import End, Item
from stream.pipeline.stage import Pipeline, drive
from stream.records.schema.alignment import AlignedFrameRecord, AlignmentRecord

_LISTED: Final = 10
"""So many frames are named in a message."""

OnProgress = Callable[[int], None]
"""Called after every finished frame with the number of frames so far."""


@dataclass(frozen=True, slots=True)
class AlignedEpisode:
    """The outcome of one episode."""

    output: EpisodeOutput
    record: AlignmentRecord
    already_written: bool = False
    """An earlier call wrote the same files, and nothing was done."""


def align_episode(
    source: EpisodeSource, work: AlignmentWork, models: AlignModels, progress: OnProgress
) -> AlignedEpisode:
    """Write the aligned pictures of an episode and their record, unless an earlier call has.

    A call that was killed is continued at the next frame. Files get their names when they are whole, the record last.

    Args:
        source: The episode.
        work: What it is aligned with.
        models: Those of the call.
        progress: See its type.

    Raises:
        InputError: no frame can be aligned.
        UsageError: the output cannot be written, or is that of another episode or other options.
        ViolationError: what is protected is lost, and ``--on-violation fail`` is given.
        OSError: the disk is full, or fails.
    """
    options = work.options
    output = EpisodeOutput(options.output_dir, work.episode, save_h5=options.save_h5)
    output.make_folder(source.path)
    if not options.overwrite and (record := output.earlier(work.identity())) is not None:
        return AlignedEpisode(output, record, already_written=True)
    coding = source.coding if options.save_h5 else PictureCoding("png")
    with Spool(output.spool, work.frame_identity(), overwrite=options.overwrite) as spool:
        start = starting_point(_records(spool), -min((0, *work.lenders)), options.batch_size)
        stages = _stages(work, models, start, spool, coding)
        for item in drive(stages, _items(source, start.frame)):
            if isinstance(item, AlignedFrame):
                progress(spool.count)
        totals = FrameTotals.of(_records(spool))
        _require_aligned(totals, work, spool)
        record = write_episode(output, source, work, spool, totals)
        spool.remove()
    return AlignedEpisode(output, record)


def _stages(
    work: AlignmentWork, models: AlignModels, start: StartingPoint, spool: Spool, coding: PictureCoding
) -> Pipeline:
    source, target = work.cameras
    options, pose = work.options, work.viewpoint.target_from_source
    warp = SurfelWarp(source, target)
    fill = HoleFill(warp, pose, models.inpainter, lenders=work.lenders, prompt=options.prompt, seed=options.seed)
    return Pipeline(
        [
            EstimateDepth(models.depth, source, options.batch_size, start.depth_scale, options.depth_scale),
            WarpFrames(warp, pose),
            FillHoles(fill, (target.width_px, target.height_px)),
            SpoolFrames(spool, coding, work.lost_share_max),
        ]
    )


def _records(spool: Spool) -> Iterator[AlignedFrameRecord]:
    return (AlignedFrameRecord.model_validate(facts["frame"]) for facts in spool.facts())


def _items(source: EpisodeSource, first: int) -> Iterator[Item]:
    frames = first
    for frame in source.frames_from(first):
        frames += 1
        yield frame
    yield End("end_of_stream", 0.0, frames)


def _require_aligned(totals: FrameTotals, work: AlignmentWork, spool: Spool) -> None:
    if not totals.aligned:
        spool.remove()
        reason = f": frame {totals.failed[0].index}: {totals.failed[0].problem}" if totals.failed else ""
        raise InputError(f"none of the {totals.frames} frames of {work.source.file} can be aligned{reason}")
    leaves_none = work.options.on_violation == "drop" and len(totals.flagged) == totals.frames
    if leaves_none or (totals.flagged and work.options.on_violation == "fail"):
        raise ViolationError(
            f"{work.source.file} is not written, because it loses more than {work.lost_share_max:.0%} of what is "
            f"protected in {listed(totals.flagged)}: keep such frames with --on-violation keep"
        )


def listed(frames: list[int]) -> str:
    """Frames by number, the first of many."""
    more = f" and {len(frames) - _LISTED} more" if len(frames) > _LISTED else ""
    return f"frame{'' if len(frames) == 1 else 's'} {', '.join(map(str, frames[:_LISTED]))}{more}"
