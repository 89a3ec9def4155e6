"""The facts of a run in words: what became of its time, costs, failures, provenance, options."""

from collections import Counter
from collections.abc import Iterator

from exporters.report.text import dollars, duration, rows_of, safe
from exporters.report.view import FactGroup, ShownMark, ShownSegment
from exporters.run_view import RunView
from stream.errors import is_stop
from stream.records import (
    Manifest,
    RunFailed,
    RunResumed,
    SegmentFailed,
    StageRestarted,
    StreamOverload,
)
from stream.records.accounting import account
from stream.ui.text import clock, count

_REASONS_MAX = 8
"""Different reasons of one kind; the others are counted."""
_MARKS_MAX = 200
"""Stretches that are listed one by one; all are on the time line."""


def facts_of(run: RunView, segments: tuple[ShownSegment, ...], marks: tuple[ShownMark, ...]) -> tuple[FactGroup, ...]:
    """All groups that have a row, the ones that people ask for first."""
    manifest = run.records()
    groups = (
        FactGroup(title="What became of the time", rows=tuple(_time_rows(run)), is_open=True),
        FactGroup(title="Cost", rows=tuple(_cost_rows(run)), is_open=True),
        FactGroup(title="Annotations", rows=tuple(_annotation_rows(run)), is_open=True),
        FactGroup(title="Problems", rows=tuple(_problem_rows(run, marks)), is_open=True),
        FactGroup(title="Repetition", rows=tuple(_repetition_rows(segments)), is_open=True),
        FactGroup(title="Source", rows=tuple(rows_of(manifest.source.model_dump()))),
        FactGroup(title="Models", rows=tuple(_model_rows(manifest))),
        FactGroup(title="Lens", rows=tuple(_lens_rows(manifest))),
        FactGroup(title="Options", rows=tuple(rows_of(manifest.options))),
        FactGroup(title="Machine and packages", rows=tuple(_machine_rows(manifest))),
        FactGroup(title="Run", rows=tuple(_run_rows(manifest))),
    )
    return tuple(group for group in groups if group.rows)


def total_dollars(run: RunView) -> float | None:
    """Dollars of a run: its machine's time, and tokens that have a price; None if part of it is unknown.

    Annotating takes the machine's time, too, unless the tokens have a price of their own or the segments were
    described after the run.
    """
    manifest = run.records()
    machine = manifest.usage.get("dollars")
    annotation = account(run.log).annotation.dollars
    if machine is None or annotation is None:
        return None
    return float(machine) + (annotation if _is_paid_apart(manifest) else 0.0)


def _is_paid_apart(manifest: Manifest) -> bool:
    options = manifest.options.get("annotator") or {}
    by_token = any(options.get(name) is not None for name in ("price_in", "price_out"))
    return by_token or bool(manifest.annotated_later)


def _time_rows(run: RunView) -> Iterator[tuple[str, str]]:
    seconds = account(run.log).seconds
    yield "decoded", clock(sum(segment.t_end_s - segment.t_start_s for segment in run.closed) - seconds["dropped_s"])
    for name, text in (
        ("annotated_s", "described"),
        ("uncovered_s", "of it in no action"),
        ("skipped_s", "not described"),
        ("failed_s", "failed to be described"),
        ("damaged_s", "damaged"),
        ("gap_s", "without a source"),
        ("dropped_s", "dropped: the machine was too slow"),
    ):
        if (value := seconds[name]) > 0:  # type: ignore[literal-required]  # one of the names above
            yield text, clock(value)
    reasons = Counter(event.reason for event in run.outcomes.values() if event.event == "segment.skipped")
    yield from _reason_rows("not described", reasons)


def _cost_rows(run: RunView) -> Iterator[tuple[str, str]]:
    manifest, annotation = run.records(), account(run.log).annotation
    usage = manifest.usage
    yield "total", dollars(total_dollars(run))
    if "dollars" in usage:
        price = float(usage.get("price_per_hour", 0.0))
        yield "machine", f"{dollars(float(usage['dollars']))}: {duration(float(usage['wall_s']))} at ${price:g} an hour"
    if annotation.tokens_in or annotation.seconds:
        tokens = f"{annotation.tokens_in:,} tokens in, {annotation.tokens_out:,} out"
        apart = "" if _is_paid_apart(manifest) else ", part of the machine's time"
        yield "annotator", f"{dollars(annotation.dollars)}{apart}: {tokens}, {duration(annotation.seconds)}"
    for name, used in usage.get("processes", {}).items():
        memory_mib = used.get("rss_bytes_max", 0) / 2**20
        yield name, f"{duration(float(used.get('cpu_s', 0.0)))} of CPU time, {memory_mib:,.0f} MiB of memory"


def _annotation_rows(run: RunView) -> Iterator[tuple[str, str]]:
    """All annotations, if there are several; the page shows the words of one."""
    if len(run.annotations) < 2:
        return
    for each in run.annotations:
        shown = "; shown here" if each == run.annotation else ""
        part = "" if each.is_complete else "; not complete"
        yield safe(each.name), safe(f"{each.annotator}, {dollars(each.cost.dollars)}{part}{shown}")


def _problem_rows(run: RunView, marks: tuple[ShownMark, ...]) -> Iterator[tuple[str, str]]:
    for event in run.log:
        match event:
            case RunFailed():
                yield "stopped" if is_stop(event.exit_code) else "failed", safe(event.reason)
            case StageRestarted():
                yield f"restarted: {event.process}", safe(event.reason)
            case RunResumed():
                yield "resumed", f"{count(event.windows, 'window')} embedded already"
            case StreamOverload():
                windows, packets = count(event.windows_skipped, "window"), count(event.packets_dropped, "packet")
                yield "overload", f"{windows} skipped, {packets} dropped"
            case _:
                pass
    for mark in marks[:_MARKS_MAX]:
        yield f"{mark.kind} {clock(mark.t_start_s)} to {clock(mark.t_end_s)}", mark.reason
    if len(marks) > _MARKS_MAX:
        yield "more", f"{len(marks) - _MARKS_MAX} further stretches, which are on the time line"
    failed = Counter(event.reason for event in run.outcomes.values() if isinstance(event, SegmentFailed))
    yield from _reason_rows("could not be described", failed)
    yield from (("sidecar", safe(str(each))) for each in _sidecar(run.records()))


def _sidecar(manifest: Manifest) -> list[object]:
    sidecar = manifest.source.sidecar or {}
    return [*sidecar.get("disagreements", ()), *([sidecar["fault"]] if sidecar.get("fault") else [])]


def _reason_rows(what: str, reasons: Counter[str]) -> Iterator[tuple[str, str]]:
    for reason, number in reasons.most_common(_REASONS_MAX):
        yield f"{count(number, 'segment')} {what}", safe(reason)
    rest = sum(reasons.values()) - sum(number for _, number in reasons.most_common(_REASONS_MAX))
    if rest:
        yield f"{count(rest, 'segment')} {what}", "for other reasons"


def _repetition_rows(segments: tuple[ShownSegment, ...]) -> Iterator[tuple[str, str]]:
    repeating = [segment for segment in segments if segment.period_s is not None]
    if not repeating:
        return
    periods = sorted(segment.period_s or 0.0 for segment in repeating)
    seconds = sum(segment.t_end_s - segment.t_start_s for segment in repeating)
    yield "period", f"{periods[len(periods) // 2]:.1f} s, from {periods[0]:.1f} to {periods[-1]:.1f} s"
    yield "found in", f"{count(len(repeating), 'segment')}, {duration(seconds)}"
    yield "cycles", f"{sum(segment.cycles or 0.0 for segment in repeating):.0f}"


def _model_rows(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield from rows_of({"encoder": manifest.encoder, "annotator": manifest.annotator, "windows": manifest.windows})
    for later in manifest.annotated_later:
        yield from rows_of({"described later": {"time": later.time, **later.annotator}})


def _lens_rows(manifest: Manifest) -> Iterator[tuple[str, str]]:
    if manifest.intrinsics_format:
        yield "calibration", safe(manifest.intrinsics_format)
    yield from rows_of({"intrinsics": manifest.intrinsics or {}, "rectification": manifest.rectification})


def _machine_rows(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield from rows_of({"machine": manifest.machine, "decoder": manifest.decoder, "package": manifest.packages})


def _run_rows(manifest: Manifest) -> Iterator[tuple[str, str]]:
    facts = manifest.model_dump(include={"run_id", "state", "started", "ended", "exit_code"})
    yield from rows_of({**facts, "schema": manifest.schemas})
