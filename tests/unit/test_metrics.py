"""Every metric follows from the statuses and events that a run reports."""

import pytest

from stream.monitoring.metrics import Metrics
from stream.records.schema import events
from stream.runtime.heartbeat import Heartbeat
from tests.support.fake_time import FakeClock


def test_metrics_add_up() -> None:
    """Given statuses and events, every figure is what follows from them."""
    clock = FakeClock()
    metrics = Metrics(price_per_hour=0.36, clock=clock)
    metrics.spent(0.25)
    clock.now_s += 10
    metrics.on_heartbeat(
        Heartbeat("ingest", "running", t_s=50.0, items=1500, items_out={"EncoderFrame": 1490, "Keyframe": 50}, lag_s=2)
    )
    metrics.on_heartbeat(
        Heartbeat("encode", "running", cpu_s=4.5, rss_bytes=7, items_out={"Embedding": 48}, blocked_s=0.5)
    )
    opened = events.SegmentOpened(segment_id="s0", t_start_s=10.0, kind="anomalous", detected_at_s=14.1)
    for event in (
        opened,
        events.SegmentClosed("s0", 10.0, 20.0, "anomalous", "state_change", 26.0, windows=10, keyframes=1),
        events.SegmentSkipped(segment_id="s0", reason="nobody"),
        events.SegmentAnnotated(segment_id="s1", actions=1, tokens_in=1000, tokens_out=50, seconds=2.5),
        events.SegmentFailed(segment_id="s2", reason="no JSON", tokens_in=500, tokens_out=7, seconds=1.0),
        events.SourceDamaged(t_start_s=1.0, t_end_s=1.5, reason="lost", packets=15),
        events.StageRestarted(process="encode", reason="killed"),
    ):
        metrics.on_event(event)
    value = metrics.registry.get_sample_value
    assert value("egoclean_realtime_ratio") == 5.0
    assert value("egoclean_lag_seconds") == 2.0
    assert value("egoclean_frames_total") == 1490
    assert value("egoclean_windows_total") == 48
    assert value("egoclean_cost_dollars_total") == pytest.approx(0.251)
    assert value("egoclean_damaged_seconds_total") == 0.5
    assert value("egoclean_packets_lost_total") == 15
    assert value("egoclean_restarts_total", {"process": "encode"}) == 1
    assert value("egoclean_process_cpu_seconds_total", {"process": "encode"}) == 4.5
    assert value("egoclean_process_blocked_seconds_total", {"process": "encode"}) == 0.5
    assert value("egoclean_segments_closed_total", {"kind": "anomalous", "closed_by": "state_change"}) == 1
    assert value("egoclean_segments_settled_total", {"kind": "anomalous", "outcome": "skipped"}) == 1
    assert value("egoclean_annotation_tokens_total", {"direction": "in"}) == 1500
    assert value("egoclean_annotation_tokens_total", {"direction": "out"}) == 57
    assert value("egoclean_annotation_seconds_total") == 3.5
    bucket = "egoclean_segment_{}_latency_seconds_bucket"
    assert [value(bucket.format("opening"), {"kind": "anomalous", "le": le}) for le in ("4.0", "5.0")] == [0, 1]
    assert [value(bucket.format("closing"), {"kind": "anomalous", "le": le}) for le in ("5.0", "6.0")] == [0, 1]


def test_annotator_is_measured_by_the_clock() -> None:
    """What waits for the annotator is what the record says; a description counts from when its closing was heard."""
    clock = FakeClock()
    metrics = Metrics(price_per_hour=0.2, clock=clock)
    value = metrics.registry.get_sample_value
    metrics.on_heartbeat(Heartbeat("record", "running", gauges={"waiting_segments": 3, "spool_bytes": 4096}))
    facts = {"annotator": {"peak_vram_bytes": 5}}
    metrics.on_heartbeat(Heartbeat("annotate", "running", queue_s=1.5, queue_items=3, facts=facts))
    assert value("egoclean_annotator_waiting_segments") == 3
    assert value("egoclean_spool_bytes") == 4096
    assert value("egoclean_process_vram_peak_bytes", {"process": "annotate"}) == 5
    assert value("egoclean_process_vram_peak_bytes", {"process": "record"}) is None
    assert value("egoclean_process_queue_seconds", {"process": "annotate"}) == 1.5
    assert value("egoclean_process_queue_items", {"process": "annotate"}) == 3
    metrics.on_event(events.SegmentClosed("s0", 1, 2, "typical", "end_of_stream", 2, windows=1, keyframes=1))
    clock.now_s += 7
    for segment_id in ("s0", "closed before this process began"):
        metrics.on_event(events.SegmentAnnotated(segment_id=segment_id, actions=1, dollars=0.25))
    assert value("egoclean_annotation_dollars_total") == 0.5
    assert value("egoclean_segment_annotation_latency_seconds_sum", {"kind": "typical"}) == 7
    assert value("egoclean_segment_annotation_latency_seconds_count", {"kind": "unrecorded"}) is None
    assert value("egoclean_segment_closing_latency_seconds_count", {"kind": "typical"}) is None


def test_metrics_keep_to_themselves() -> None:
    """Two runs in one process do not share a metric, and a chain that is started again begins its own figures anew."""
    one, other = Metrics(0.2), Metrics(0.2)
    one.on_heartbeat(Heartbeat("ingest", "running", t_s=9.0))
    assert other.registry.get_sample_value("egoclean_decoded_seconds") == 0
    one.begin()
    assert one.registry.get_sample_value("egoclean_decoded_seconds") == 0


def test_metrics_of_a_live_source_add_up() -> None:
    """Gaps, what was skipped, and the greatest lag of all processes."""
    metrics = Metrics(price_per_hour=0.0)
    metrics.on_heartbeat(Heartbeat("ingest", "running", lag_s=0.2))
    metrics.on_heartbeat(Heartbeat("encode", "running", lag_s=4.5))
    metrics.on_heartbeat(Heartbeat("detect", "running"))
    for event in (
        events.SourceLost(t_s=10.0, reason="cut"),
        events.SourceGap(t_start_s=10.0, t_end_s=14.5, reason="cut"),
        events.StreamOverload(t_start_s=20.0, t_end_s=30.0, reason="slow", windows_skipped=4, packets_dropped=60),
        events.SourceLost(t_s=40.0, reason="cut"),
    ):
        metrics.on_event(event)
    value = metrics.registry.get_sample_value
    assert value("egoclean_lag_seconds") == 4.5
    assert value("egoclean_source_away") == 1.0
    assert value("egoclean_source_gaps_total") == 1
    assert value("egoclean_source_gap_seconds_total") == 4.5
    assert value("egoclean_windows_skipped_total") == 4
    assert value("egoclean_packets_dropped_total") == 60
    metrics.on_event(events.SourceGap(t_start_s=40.0, t_end_s=41.0, reason="cut"))
    assert value("egoclean_source_away") == 0.0
