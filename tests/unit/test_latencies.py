"""How long segments take to be known and described: quantiles over a run, exact, and without what is known at once."""

from datetime import UTC, datetime, timedelta

from stream.pipeline.facts import ClosedBy
from stream.records.latencies import latencies, quantiles, summary_line
from stream.records.schema import events

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def at(second: float) -> str:
    """A time of day, so long after the run began."""
    return (BEGAN + timedelta(seconds=second)).isoformat()


def closed(segment_id: str, by: ClosedBy, t_end_s: float, detected_at_s: float, second: float) -> events.SegmentClosed:
    """A segment that ended, was known to have, and was written down."""
    return events.SegmentClosed(segment_id, 0, t_end_s, "typical", by, detected_at_s, windows=1, time=at(second))


def opened(t_start_s: float, detected_at_s: float) -> events.SegmentOpened:
    """A segment that began, and was known to have."""
    return events.SegmentOpened(segment_id="s", t_start_s=t_start_s, kind="typical", detected_at_s=detected_at_s)


def test_each_is_measured_from_where_it_began() -> None:
    """Opening and closing in stream time, save at the clip's ends; annotation by the clock, also if it failed."""
    run_events: list[events.Event] = [
        opened(0, 0),
        closed("s0", "state_change", 30, 34, second=10),
        opened(30, 34.5),
        events.SegmentAnnotated(segment_id="s0", actions=1, time=at(12.5)),
        closed("s1", "end_of_stream", 60, 60, second=20),
        events.SegmentFailed(segment_id="s1", reason="no JSON", time=at(21)),
        closed("s2", "max_duration", 90, 90, second=30),
        events.SegmentSkipped(segment_id="s2", reason="nobody", time=at(31)),
    ]
    result = latencies(run_events)
    assert result["opening"] == {"count": 1, "p50_s": 4.5, "p95_s": 4.5, "p99_s": 4.5}
    assert result["closing"] == {"count": 2, "p50_s": 0.0, "p95_s": 4.0, "p99_s": 4.0}
    assert result["annotation"] == {"count": 2, "p50_s": 1.0, "p95_s": 2.5, "p99_s": 2.5}
    assert summary_line({"opening": result["opening"]}) == "latency p50 / p95 / p99: opening 4.5 / 4.5 / 4.5 s"


def test_what_never_happened_is_left_out() -> None:
    """A clip of one segment has no latency to tell."""
    assert latencies([opened(0, 0), closed("s0", "end_of_stream", 9, 9, second=9)]) == {}


def test_quantiles_are_values_that_were_seen() -> None:
    """Of 1, 2, ..., 200 half are at most 100, 95 percent at most 190, 99 at most 198."""
    assert quantiles(range(200, 0, -1)) == {"count": 200, "p50_s": 100, "p95_s": 190, "p99_s": 198}
