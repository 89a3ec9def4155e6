"""Times, events and other lines as people read them."""

from rich.console import Console
from rich.text import Text

from stream.errors import is_stop, printable
from stream.records.schema import events
from stream.records.schema.events import CACHE_FULL


def print_line(console: Console, text: str) -> None:
    """Print text as it is, on one line, without characters that act on a terminal."""
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def hanging(console: Console, head: Text, text: Text) -> Text:
    """Text folded to the width of a console, below its own beginning behind ``head``; without spaces at line ends."""
    width = console.width - head.cell_len
    lines = [line.plain.rstrip() for line in text.wrap(console, max(1, width))]
    rest = ("\n" + " " * head.cell_len).join(lines)
    return Text.assemble(head, Text(rest, text.style))


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 run``, ``2 runs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def found(segments: int, stretches: int, anomalous: int) -> str:
    """``12 segments, 2 anomalous``, or ``2 stretches (12 segments), 1 anomalous`` where a limit of length has cut some.

    Of ``anomalous`` the pieces of one stretch count once.
    """
    if stretches == segments:
        return f"{count(segments, 'segment')}, {anomalous:,} anomalous"
    noun = "stretch" if stretches == 1 else "stretches"
    return f"{stretches:,} {noun} ({count(segments, 'segment')}), {anomalous:,} anomalous"


def clock(t_s: float) -> str:
    """Stream time as people read it: ``0:01:02.3``."""
    minutes, tenths = divmod(round(t_s * 10), 600)
    return f"{minutes // 60}:{minutes % 60:02}:{tenths // 10:02}.{tenths % 10}"


def whole_clock(t_s: float) -> str:
    """Stream time in whole seconds, for what changes all the time: ``0:01:02``."""
    minutes, seconds = divmod(int(t_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def describe(event: events.Event) -> str | None:  # noqa: C901, PLR0911 - one line a kind of event reads best
    """Describe an event in one line; None for events that people do not need to see."""
    match event:
        case events.RunStarted():
            why = f" ({event.encoder_reason})" if event.encoder_reason else ""
            return f"run {event.run_id}: {event.source}, encoder {event.encoder}{why}, annotator {event.annotator}"
        case events.SegmentOpened(kind="anomalous"):
            return f"{event.segment_id}  anomaly since {clock(event.t_start_s)}, seen at {clock(event.detected_at_s)}"
        case events.SegmentClosed():
            return f"{event.segment_id}  {_span(event)}  {event.kind:9}  {segment_text(event)}"
        case events.SegmentAnnotated() | events.SegmentFailed() | events.SegmentSkipped():
            return _outcome(event)
        case events.SourceDamaged():
            span = f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"
            return f"source damaged  {span}, {count(event.packets, 'packet')} lost: {event.reason}"
        case events.SourceLost() | events.SourceGap() | events.StreamOverload():
            return _of_live_source(event)
        case events.StageRestarted():
            return f"restarted: {event.reason}"
        case events.AnnotationStarted() | events.PartAnnotated() | events.PartFailed():
            return _of_annotation(event)
        case events.RunResumed():
            return f"run {event.run_id} resumes, {count(event.windows, 'window')} embedded already"
        case events.RunFinished():
            return _summary(event)
        case events.RunFailed():
            place = f" at {clock(event.decoded_s)}" if event.decoded_s else ""
            return f"{event.reason}{place}" if is_stop(event.exit_code) else f"failed{place}: {event.reason}"
        case _:
            return None


def _span(event: events.SegmentClosed | events.PartOutcome) -> str:
    return f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"


def segment_text(event: events.SegmentClosed) -> str:
    parts = [f"closed by {event.closed_by}"]
    if event.score_mean is not None:
        parts.append(f"score {event.score_mean:.3f}")
    if event.period_s is not None:
        parts.append(f"repeats every {event.period_s:.1f} s")
    if event.kind == "unknown":
        parts.append("too early to judge" if event.score_mean is not None else "nothing to judge it by")
    if event.idle_s:
        parts.append(f"idle for {event.idle_s:.1f} s")
    if event.damaged_s:
        parts.append(f"{event.damaged_s:.2f} s damaged")
    return ", ".join(parts)


def segment_line(event: events.SegmentClosed) -> str:
    """A segment without its name on a line of a terminal of 80 columns; the records have the rest."""
    parts = [] if event.score_mean is None else [f"score {event.score_mean:.3f}"]
    if event.period_s is not None:
        parts.append(f"every {event.period_s:.1f} s")
    if event.idle_s:
        parts.append(f"idle {event.idle_s:.1f} s")
    if event.damaged_s:
        parts.append(f"{event.damaged_s:.1f} s lost")
    return f"{_span(event)}  {event.kind:9}  {', '.join(parts)}".rstrip()


def not_judged(event: events.RunFinished) -> str:
    """Why nothing of a run was judged; empty if something was, or if that is unknown."""
    if event.judged_from_s is not None or event.warmup_s is None or not event.windows:
        return ""
    return f"too short to judge ({event.decoded_s:.1f} s; the detector needs more than {event.warmup_s:g} s)"


def _of_annotation(event: events.AnnotationStarted | events.PartOutcome) -> str:
    match event:
        case events.AnnotationStarted():
            return f"annotation {event.annotation_name} begins, by {printable(event.annotator)}"
        case events.PartAnnotated():
            return f"{event.part_id}  {_span(event)}  {count(event.actions, 'action')}"
        case events.PartFailed():
            return f"{event.part_id}  {_span(event)}  failed: {printable(event.reason)}"


def _of_live_source(event: events.SourceLost | events.SourceGap | events.StreamOverload) -> str:
    if isinstance(event, events.SourceLost):
        return f"source lost  at {clock(event.t_s)}, reconnecting: {event.reason}"
    span = f"{clock(event.t_start_s)} to {clock(event.t_end_s)}"
    if isinstance(event, events.SourceGap):
        return f"source back  {span} are missing: {event.reason}"
    parts = [f"{count(event.windows_skipped, 'window')} skipped"] if event.windows_skipped else []
    if event.packets_dropped:
        parts.append(f"{count(event.packets_dropped, 'packet')} not decoded")
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
    damage += f", {count(event.windows_skipped, 'window')} skipped" if event.windows_skipped else ""
    damage += f", {event.dropped_s:.1f} s dropped" if event.dropped_s else ""
    described = f", {clock(event.annotated_s)} annotated" if event.annotated_s else ""
    described += f" ({event.uncovered_s:.1f} s of it in no action)" if event.uncovered_s else ""
    failed = f", {clock(event.failed_s)} failed" if event.failed_s else ""
    idle = f", {clock(event.idle_s)} idle" if event.idle_s else ""
    return (
        f"finished: {clock(event.decoded_s)} of video in {event.wall_s:.1f} s ({speed:.1f} x real time), "
        f"{_found(event)}{idle}{described}{failed}{damage}"
    )


def _found(event: events.RunFinished) -> str:
    if reason := not_judged(event):
        return f"{count(event.segments, 'segment')}, {reason}"
    if event.stretches is None or event.anomalous_stretches is None:  # an earlier version did not count them
        return found(event.segments, event.segments, event.anomalous)
    return found(event.segments, event.stretches, event.anomalous_stretches)
