"""How long a run takes to know a thing: from a segment's start, end or closing to the word about it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil

from stream.records.schema.events import Event, SegmentAnnotated, SegmentClosed, SegmentFailed, SegmentOpened

_PERCENTS = (50, 95, 99)


def opening_s(opened: SegmentOpened) -> float | None:
    """Stream time from a segment's start to when that was known; None of the first, which starts with the clip."""
    return opened.detected_at_s - opened.t_start_s if opened.t_start_s else None


def closing_s(closed: SegmentClosed) -> float | None:
    """Stream time from a segment's end to when that was known; None of the last, which the clip ends."""
    return None if closed.closed_by == "end_of_stream" else max(0.0, closed.detected_at_s - closed.t_end_s)


def latencies(told: Iterable[Event]) -> dict[str, dict[str, float]]:
    """Quantiles over a run's segments, in seconds; what never happened is left out.

    Of opening and closing in stream time, which says what the detector needs, on any machine. Of annotation by the
    clock, from the event that closed a segment to the one that says what became of it; pauses of a run count, too.
    """
    found: dict[str, list[float]] = {"opening": [], "closing": [], "annotation": []}
    closed_at: dict[str, datetime] = {}
    for event in told:
        match event:
            case SegmentOpened() if (took_s := opening_s(event)) is not None:
                found["opening"].append(took_s)
            case SegmentClosed():
                closed_at[event.segment_id] = datetime.fromisoformat(event.time)
                if (took_s := closing_s(event)) is not None:
                    found["closing"].append(took_s)
            case SegmentAnnotated() | SegmentFailed():
                took = datetime.fromisoformat(event.time) - closed_at[event.segment_id]
                found["annotation"].append(took.total_seconds())
    return {name: quantiles(values) for name, values in found.items() if values}


def quantiles(values_s: Sequence[float]) -> dict[str, float]:
    """``count``, ``p50_s``, ``p95_s`` and ``p99_s``: each the least value that so many percent do not exceed."""
    ordered = sorted(values_s)
    ranked = {f"p{percent}_s": ordered[ceil(percent / 100 * len(ordered)) - 1] for percent in _PERCENTS}
    return {"count": len(ordered), **{name: round(value, 3) for name, value in ranked.items()}}


def in_words(found: dict[str, dict[str, float]]) -> str:
    """One line for people."""
    parts = [
        f"{name.replace('_', ' ')} {' / '.join(f'{quantile[key]:.1f}' for key in ('p50_s', 'p95_s', 'p99_s'))} s"
        for name, quantile in found.items()
    ]
    return f"latency p50 / p95 / p99: {', '.join(parts)}"
