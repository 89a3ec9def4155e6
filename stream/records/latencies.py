"""Latencies of a run: from a segment's start, end or closing to the event that reports it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil

from stream.records.schema.events import Event, SegmentAnnotated, SegmentClosed, SegmentFailed, SegmentOpened

_PERCENTS = (50, 95, 99)


def opening_s(opened: SegmentOpened) -> float | None:
    """Stream time from a segment's start to its detection; None for the first, which starts with the clip."""
    return opened.detected_at_s - opened.t_start_s if opened.t_start_s else None


def closing_s(closed: SegmentClosed) -> float | None:
    """Stream time from a segment's end to its detection; None for the last, which ends with the clip."""
    return None if closed.closed_by == "end_of_stream" else max(0.0, closed.detected_at_s - closed.t_end_s)


def latencies(recorded: Iterable[Event]) -> dict[str, dict[str, float]]:
    """Quantiles over a run's segments, in seconds; latencies that did not occur are left out.

    ``opening`` and ``closing`` are in stream time: they depend on the detector, not on the machine. ``annotation`` is
    wall time from the event that closed a segment to its outcome, including the pauses of a run.
    """
    by_name: dict[str, list[float]] = {"opening": [], "closing": [], "annotation": []}
    closed_at: dict[str, datetime] = {}
    for event in recorded:
        match event:
            case SegmentOpened() if (latency_s := opening_s(event)) is not None:
                by_name["opening"].append(latency_s)
            case SegmentClosed():
                closed_at[event.segment_id] = datetime.fromisoformat(event.time)
                if (latency_s := closing_s(event)) is not None:
                    by_name["closing"].append(latency_s)
            case SegmentAnnotated() | SegmentFailed():
                duration = datetime.fromisoformat(event.time) - closed_at[event.segment_id]
                by_name["annotation"].append(duration.total_seconds())
    return {name: quantiles(values) for name, values in by_name.items() if values}


def quantiles(values_s: Sequence[float]) -> dict[str, float]:
    """``count``, ``p50_s``, ``p95_s`` and ``p99_s``: each is the least value that so many percent do not exceed."""
    ordered = sorted(values_s)
    ranked = {f"p{percent}_s": ordered[ceil(percent / 100 * len(ordered)) - 1] for percent in _PERCENTS}
    return {"count": len(ordered), **{name: round(value, 3) for name, value in ranked.items()}}


def summary_line(by_name: dict[str, dict[str, float]]) -> str:
    """The quantiles in one line of text."""
    parts = [
        f"{name.replace('_', ' ')} {' / '.join(f'{quantile[key]:.1f}' for key in ('p50_s', 'p95_s', 'p99_s'))} s"
        for name, quantile in by_name.items()
    ]
    return f"latency p50 / p95 / p99: {', '.join(parts)}"
