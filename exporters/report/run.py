"""A run as the report shows it, made from its records."""

import re
from collections import defaultdict
from contextlib import suppress
from statistics import median

from exporters.report.facts import facts_of, total_dollars
from exporters.report.scores import ScoreTracker
from exporters.report.text import safe
from exporters.report.view import ShownAction, ShownMark, ShownObject, ShownRun, ShownSegment
from exporters.run_view import RunView
from stream.errors import InputError
from stream.records import Action, Event, Outcome, SegmentClosed, SourceDamaged, SourceGap, StreamOverload
from stream.records.counts import counts_of
from stream.records.listing import outcome_of
from stream.records.run_state import RunStatus, status_of
from stream.ui.text import clock, count


def shown_run(run: RunView, key: str, scores: ScoreTracker | None = None) -> ShownRun:
    """Everything about a run except its pictures and its video.

    Args:
        run: The run; not a bare folder of arrays.
        key: Its name on the page.
        scores: Of an earlier call for the same run, so that only new windows are scored.

    Raises:
        InputError: it has no records, or its descriptions cannot be read.
    """
    manifest = run.records()
    segments = _segments(run)
    marks = tuple(_marks(run))
    scores = scores or ScoreTracker(run.layout, run.detector)
    with suppress(InputError):  # no window yet, or its arrays were deleted: the segments have their means
        scores.advance()
    status = status_of(run.log, run.layout.health)
    periods = [segment.period_s for segment in segments if segment.period_s is not None]
    ends = [segment.t_end_s for segment in segments] + [mark.t_end_s for mark in marks]
    return ShownRun(
        key=key,
        name=safe(run.stem),
        source=safe(manifest.source.name),
        state=status.state,
        state_text=_state_text(run, status),
        counts=counts_of(run.log, len(run.actions)),
        t_end_s=max([scores.t_end_s, *ends]),
        judged_from_s=scores.judged_from_s,
        segments=segments,
        marks=marks,
        curve=scores.curve(segments),
        wall_s=manifest.usage.get("wall_s"),
        dollars=total_dollars(run),
        period_s=median(periods) if periods else None,
        cycles=sum(segment.cycles or 0.0 for segment in segments),
        facts=facts_of(run, segments, marks),
    )


def key_of(name: str, taken: set[str]) -> str:
    """A name for a run that is unique on the page and can stand in an address; it is added to ``taken``."""
    base = re.sub(r"[^A-Za-z0-9_-]+", "_", name) or "run"
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 2)))
    key = next(each for each in names if each not in taken)
    taken.add(key)
    return key


def _state_text(run: RunView, status: RunStatus) -> str:
    since = [clock(opened.t_start_s) for opened in run.open_anomalies()]
    is_open = status.state == "running" and since
    return safe(f"{status.text}; an anomaly has been open since {since[-1]}" if is_open else status.text)


def _segments(run: RunView) -> tuple[ShownSegment, ...]:
    actions: dict[str, list[Action]] = defaultdict(list)
    for action in run.actions:
        for segment_id in action.segments:
            actions[segment_id].append(action)
    return tuple(_segment(each, run.outcomes.get(each.segment_id), actions[each.segment_id]) for each in run.closed)


def _segment(closed: SegmentClosed, outcome: Outcome | None, actions: list[Action]) -> ShownSegment:
    name, reason = outcome_of(outcome)
    scored = closed.score_max is not None and closed.theta_on
    return ShownSegment(
        id=safe(closed.segment_id),
        t_start_s=closed.t_start_s,
        t_end_s=closed.t_end_s,
        kind=closed.kind,
        closed_by=closed.closed_by,
        detected_at_s=closed.detected_at_s,
        windows=closed.windows,
        score_mean=closed.score_mean,
        score_max=closed.score_max,
        unusual=(closed.score_max or 0.0) / (closed.theta_on or 1.0) if scored else 0.0,
        period_s=closed.period_s,
        cycles=closed.cycles,
        mode=closed.mode,
        activity=closed.activity,
        idle=tuple((span.t_start_s, span.t_end_s, span.signal) for span in closed.idle),
        idle_s=closed.idle_s,
        damaged_s=closed.damaged_s,
        outcome=name,
        reason=safe(reason),
        actions=tuple(map(_action, actions)),
        keyframe_px=(closed.keyframe_width_px, closed.keyframe_height_px),
    )


def _action(action: Action) -> ShownAction:
    words = {name: safe(text) for name, text in action.ecot.model_dump().items()} if action.ecot else {}
    objects = tuple(
        ShownObject(name=safe(each.object_name), bbox=each.bbox, rigid=each.rigid, keyframe_t_s=each.keyframe_t_s)
        for each in action.objects
    )
    return ShownAction(
        t_start_s=action.t_start_s, t_end_s=action.t_end_s, active=action.active, objects=objects, **words
    )


def _marks(run: RunView) -> list[ShownMark]:
    """Damage, gaps and overload, in order of time."""
    marks = [mark for event in run.log if (mark := _mark(event))]
    return sorted(marks, key=lambda mark: mark.t_start_s)


def _mark(event: Event) -> ShownMark | None:
    match event:
        case SourceDamaged():
            reason = f"{event.reason} ({count(event.packets, 'packet')} lost)"
            return ShownMark(kind="damaged", t_start_s=event.t_start_s, t_end_s=event.t_end_s, reason=safe(reason))
        case SourceGap():
            return ShownMark(kind="gap", t_start_s=event.t_start_s, t_end_s=event.t_end_s, reason=safe(event.reason))
        case StreamOverload():
            return ShownMark(
                kind="overload", t_start_s=event.t_start_s, t_end_s=event.t_end_s, reason=safe(event.reason)
            )
        case _:
            return None
