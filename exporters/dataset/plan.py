"""Plans the episodes of a run: its closed segments, selected, limited in length, with their descriptions."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Final, Literal, TypeAlias

from exporters.dataset.episode import Box, Episode, EpisodeAction, Outcome, Split
from exporters.dataset.expression import Condition
from exporters.run_view import RunView
from stream.errors import InputError
from stream.records import Action, SceneObject, SegmentAnnotated, SegmentClosed, SegmentFailed, SegmentSkipped
from stream.records.schema.manifest import Manifest
from stream.records.worker import worker_of

Select: TypeAlias = Literal["all", "typical", "anomalous", "described"]

_ROUNDING_S: Final = 0.001
"""Error of a segment's length, seconds: Matroska, for one, has times in milliseconds."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Options that apply to every run: which segments become episodes, and how long those are."""

    select: Select = "all"
    where: Condition | None = None
    fps: int | None = None
    """Frames a second; None: the clip's own rate, rounded."""
    longest_s: float = 300.0
    """Longest episode, seconds; a longer segment becomes several."""
    val_fraction: float = 0.0
    """Share of the workers whose episodes are for validation."""
    seed: int = 0


def plan_run(run: RunView, options: PlanOptions) -> list[Episode]:
    """The episodes of a run, in order of time.

    A segment that is not closed, or that its annotator has still to describe, is left to a later call, and so are those
    after it: a data set that grows with its run has the same order as one that was exported in the end.

    Raises:
        InputError: the run has no records, or its clip's frame rate is unknown and the options set none.
    """
    fps = options.fps or _own_fps(run.records())
    worker = worker_of(run.records()) or run.stem
    split = split_of(worker, options)
    episodes = (
        episode
        for segment in takewhile(partial(_is_settled, run), run.closed)
        for episode in _episodes(run, segment, fps, options.longest_s, worker, split)
    )
    return [episode for episode in episodes if _is_selected(episode, options)]


def split_of(worker: str, options: PlanOptions) -> Split:
    """A worker's split. It depends only on worker, seed and fraction, so it stays the same as a data set grows."""
    digest = hashlib.sha256(f"{options.seed}:{worker}".encode()).digest()
    return "val" if int.from_bytes(digest[:8]) < options.val_fraction * 2**64 else "train"


def _own_fps(manifest: Manifest) -> int:
    fps = manifest.source.stream.get("fps")
    if not fps:
        raise InputError(f"{manifest.source.name} states no frame rate: name one with --fps")
    return max(1, round(float(fps)))


def _is_settled(run: RunView, segment: SegmentClosed) -> bool:
    return segment.segment_id in run.outcomes or run.finished or not run.records().annotator


def _is_selected(episode: Episode, options: PlanOptions) -> bool:
    match options.select:
        case "all":
            kind_matches = True
        case "described":
            kind_matches = episode.outcome == "annotated"
        case kind:
            kind_matches = episode.kind == kind
    return kind_matches and (options.where is None or options.where(episode))


def _episodes(
    run: RunView, segment: SegmentClosed, fps: int, longest_s: float, worker: str, split: Split
) -> Iterator[Episode]:
    frames = _frames_in(segment.t_end_s - segment.t_start_s, fps)
    longest = max(1, int(longest_s * fps))
    outcome, reason, annotator = _outcome(run, segment)
    actions = [action for action in run.actions if segment.segment_id in action.segments]
    for part, first in enumerate(range(0, frames, longest)):
        count = min(longest, frames - first)
        t_start_s = segment.t_start_s + first / fps
        yield Episode(
            key=_key(run.stem, segment.segment_id, part),
            run_id=run.records().run_id,
            clip=run.stem,
            segment_id=segment.segment_id,
            part=part,
            t_start_s=t_start_s,
            frames=count,
            fps=fps,
            split=split,
            worker=worker,
            kind=segment.kind,
            closed_by=segment.closed_by,
            windows=segment.windows,
            score_mean=segment.score_mean,
            score_max=segment.score_max,
            period_s=segment.period_s,
            cycles=segment.cycles,
            judged_from_s=segment.judged_from_s,
            mode=segment.mode,
            activity=segment.activity,
            head_motion=segment.head_motion,
            idle_s=_idle_s(segment, t_start_s, t_start_s + count / fps),
            damaged_s=segment.damaged_s,
            outcome=outcome,
            reason=reason,
            annotator=annotator,
            actions=tuple(_cut_actions(actions, segment, t_start_s, count / fps)),
        )


def _idle_s(segment: SegmentClosed, start_s: float, end_s: float) -> float:
    """Idle seconds of the segment between two times."""
    return round(sum(max(0.0, min(span.t_end_s, end_s) - max(span.t_start_s, start_s)) for span in segment.idle), 6)


def _frames_in(duration_s: float, fps: int) -> int:
    """Whole frames in a duration, at least one; a frame that lacks no more than the error of rounding is whole."""
    return max(1, int((duration_s + _ROUNDING_S) * fps + 1e-3))


def _outcome(run: RunView, segment: SegmentClosed) -> tuple[Outcome, str, str]:
    match run.outcomes.get(segment.segment_id):
        case SegmentAnnotated(annotator=annotator):
            return "annotated", "", annotator
        case SegmentFailed(reason=reason, annotator=annotator):
            return "failed", reason, annotator
        case SegmentSkipped(reason=reason):
            return "skipped", reason, ""
        case _:
            return "pending", "", ""


def _cut_actions(
    actions: list[Action], segment: SegmentClosed, t_start_s: float, duration_s: float
) -> Iterator[EpisodeAction]:
    """The actions that overlap with an episode, relative to its start; boxes only where their keyframe is in it."""
    for action in actions:
        start_s, end_s = max(0.0, action.t_start_s - t_start_s), min(duration_s, action.t_end_s - t_start_s)
        if start_s >= end_s:
            continue
        words = action.ecot.model_dump() if action.ecot else {}
        boxes = (_box(thing, action, segment, t_start_s) for thing in action.objects)
        objects = tuple(box for box in boxes if box.t_s is not None and 0.0 <= box.t_s < duration_s)
        yield EpisodeAction(t_start_s=start_s, t_end_s=end_s, active=action.active, objects=objects, **words)


def _box(thing: SceneObject, action: Action, segment: SegmentClosed, t_start_s: float) -> Box:
    """The box with its keyframe's time from ``t_start_s`` on; one of an earlier version is where its action starts.

    A keyframe's time is in milliseconds, and may be less than one before the segment that it begins.
    """
    at_s = action.t_start_s if thing.keyframe_t_s is None else max(thing.keyframe_t_s, segment.t_start_s)
    return Box(
        name=thing.object_name,
        rigid=thing.rigid,
        xyxy=thing.bbox,
        width_px=thing.keyframe_width_px or segment.keyframe_width_px,
        height_px=thing.keyframe_height_px or segment.keyframe_height_px,
        t_s=at_s - t_start_s,
    )


def _key(stem: str, segment_id: str, part: int) -> str:
    """The name of an episode's files. Dots would merge samples of a tar; other characters may break paths."""
    suffix = f"-{part}" if part else ""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", f"{stem}-{segment_id}{suffix}")
