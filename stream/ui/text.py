"""Times, events and other lines as people read them."""

from rich.console import Console

from stream.errors import printable
from stream.records.schema import events
from stream.records.schema.events import CACHE_FULL


def print_line(console: Console, text: str) -> None:
    """Print text as it is, on one line, without characters that act on a terminal."""
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 run``, ``2 runs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clock(t_s: float) -> str:
    """Stream time as people read it: ``0:01:02.3``."""
    minutes, tenths = divmod(round(t_s * 10), 600)
    return f"{minutes // 60}:{minutes % 60:02}:{tenths // 10:02}.{tenths % 10}"


def describe(event: events.Event) -> str | None:  # noqa: C901, PLR0911 - one line a kind of event reads best
    """Describe an event in one line; None for events that people do not need to see."""
    match event:
        case events.RunStarted():
            return f"run {event.run_id}: {event.source}, encoder {event.encoder}, annotator {event.annotator}"
        case events.SegmentOpened(kind="anomalous"):
            return f"{event.segment_id}  anomaly since {clock(event.t_start_s)}, seen at {clock(event.detected_at_s)}"
        case events.SegmentClosed():
            return f"{event.segment_id}  {_span(event)}  {event.kind:9}  {segment_text(event)}"
        case events.SegmentAnnotated() | events.SegmentFailed() | events.SegmentSkipped():
            return _outcome(event)
        case events.SourceDamaged():
            span = f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"
            return f"source damaged  {span}, {event.packets} packets lost: {event.reason}"
        case events.SourceLost() | events.SourceGap() | events.StreamOverload():
            return _of_live_source(event)
        case events.StageRestarted():
            return f"restarted: {event.reason}"
        case events.RunResumed():
            return f"run {event.run_id} resumes, {event.windows} windows are embedded already"
        case events.RunFinished():
            return _summary(event)
        case events.RunFailed():
            return f"run ended early: {event.reason}"
        case _:
            return None


def _span(event: events.SegmentClosed) -> str:
    return f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"


def segment_text(event: events.SegmentClosed) -> str:
    parts = [f"closed by {event.closed_by}"]
    if event.score_mean is not None:
        parts.append(f"score {event.score_mean:.3f}")
    if event.period_s is not None:
        parts.append(f"repeats every {event.period_s:.1f} s")
    if event.damaged_s:
        parts.append(f"{event.damaged_s:.2f} s damaged")
    return ", ".join(parts)


def _of_live_source(event: events.SourceLost | events.SourceGap | events.StreamOverload) -> str:
    if isinstance(event, events.SourceLost):
        return f"source lost  at {clock(event.t_s)}, reconnecting: {event.reason}"
    span = f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"
    if isinstance(event, events.SourceGap):
        return f"source back  {span} are missing: {event.reason}"
    parts = [f"{event.windows_skipped} windows skipped"] if event.windows_skipped else []
    if event.packets_dropped:
        parts.append(f"{event.packets_dropped} packets not decoded")
    return f"overload  {span}, {', '.join(parts)}: {event.reason}"


def _outcome(event: events.Outcome) -> str | None:
    match event:
        case events.SegmentAnnotated():
            return f"{event.segment_id}  {action_text(event)}"
        case events.SegmentFailed():
            return f"{event.segment_id}  failed: {printable(event.reason)}"
        case events.SegmentSkipped(same_as=str()):
            return f"{event.segment_id}  like {event.same_as}, cosine {event.similarity:.3f}: not annotated"
        case _:
            return f"{event.segment_id}  skipped: {event.reason}" if event.reason == CACHE_FULL else None


def action_text(event: events.SegmentAnnotated) -> str:
    """The actions and objects of a segment; the words are a model's, made printable."""
    seen = "; ".join(event.subtasks) or "idle"
    return printable(f"{seen} ({', '.join(event.objects)})" if event.objects else seen)


def _summary(event: events.RunFinished) -> str:
    speed = event.decoded_s / event.wall_s if event.wall_s else 0.0
    damage = f", {event.damaged_s:.2f} s damaged" if event.damaged_s else ""
    damage += f", source away for {event.gap_s:.1f} s" if event.gap_s else ""
    damage += f", {event.windows_skipped} windows skipped" if event.windows_skipped else ""
    damage += f", {event.dropped_s:.1f} s dropped" if event.dropped_s else ""
    described = f", {clock(event.annotated_s)} annotated" if event.annotated_s else ""
    failed = f", {clock(event.failed_s)} failed" if event.failed_s else ""
    return (
        f"finished: {clock(event.decoded_s)} of video in {event.wall_s:.1f} s ({speed:.1f} x real time), "
        f"{event.segments} segments, {event.anomalous} anomalous{described}{failed}{damage}"
    )
