"""What is told of a run follows from its statuses and events: figures, progress and stalls, the age of a heartbeat."""

import subprocess
import sys
from datetime import timedelta

import pytest

from stream.monitoring.metrics import Metrics
from stream.monitoring.stall import GRACE_S, Progress
from stream.records.schema import events
from stream.records.schema.health import OLD_S, Health, now
from stream.runtime.heartbeat import Status
from stream.runtime.processes import ANNOTATE, PROCESSES


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_metrics_add_up() -> None:
    """Given statuses and events, every figure is what follows from them."""
    clock = Clock()
    metrics = Metrics(price_per_hour=0.36, clock=clock)
    metrics.spent(0.25)
    clock.now_s += 10
    metrics.on_status(Status("ingest", "running", t_s=50.0, items=1500, given={"Tile": 1490, "Keyframe": 50}, lag_s=2))
    metrics.on_status(Status("encode", "running", cpu_s=4.5, rss_bytes=7, given={"Embedding": 48}, blocked_s=0.5))
    opened = events.SegmentOpened(segment_id="s0", t_start_s=10.0, kind="anomalous", detected_at_s=14.1)
    closed = {"t_start_s": 10.0, "t_end_s": 20.0, "kind": "anomalous", "detected_at_s": 26.0, "windows": 10}
    nothing = dict.fromkeys(("score_mean", "score_max", "theta_on", "theta_off", "period_s", "cycles"))
    pictures = {"damaged_s": 0, "keyframes": 1, "frames_digest": ""}
    whole = {"segment_id": "s0", "closed_by": "state_change", **closed, **nothing, **pictures}
    for event in (
        opened,
        events.SegmentClosed.model_validate(whole),
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
    clock = Clock()
    metrics = Metrics(price_per_hour=0.2, clock=clock)
    value = metrics.registry.get_sample_value
    metrics.on_status(Status("record", "running", levels={"waiting_segments": 3, "spool_bytes": 4096}))
    facts = {"annotator": {"peak_vram_bytes": 5}}
    metrics.on_status(Status("annotate", "running", queue_s=1.5, queue_items=3, facts=facts))
    assert value("egoclean_annotator_waiting_segments") == 3
    assert value("egoclean_spool_bytes") == 4096
    assert value("egoclean_process_vram_peak_bytes", {"process": "annotate"}) == 5
    assert value("egoclean_process_vram_peak_bytes", {"process": "record"}) is None
    assert value("egoclean_process_queue_seconds", {"process": "annotate"}) == 1.5
    assert value("egoclean_process_queue_items", {"process": "annotate"}) == 3
    unsaid = dict.fromkeys(("score_mean", "score_max", "theta_on", "theta_off", "period_s", "cycles"))
    closed = {"t_start_s": 1, "t_end_s": 2, "kind": "typical", "closed_by": "end_of_stream", "detected_at_s": 2}
    rest = {"segment_id": "s0", "windows": 1, "damaged_s": 0, "keyframes": 1, "frames_digest": ""}
    metrics.on_event(events.SegmentClosed.model_validate({**unsaid, **closed, **rest}))
    clock.now_s += 7
    for segment_id in ("s0", "closed before this process began"):
        metrics.on_event(events.SegmentAnnotated(segment_id=segment_id, actions=1, dollars=0.25))
    assert value("egoclean_annotation_dollars_total") == 0.5
    assert value("egoclean_segment_annotation_latency_seconds_sum", {"kind": "typical"}) == 7
    assert value("egoclean_segment_annotation_latency_seconds_count", {"kind": "unknown"}) is None
    assert value("egoclean_segment_closing_latency_seconds_count", {"kind": "typical"}) is None


def test_metrics_keep_to_themselves() -> None:
    """Two runs in one process do not share a metric, and a chain that is started again begins its own figures anew."""
    one, other = Metrics(0.2), Metrics(0.2)
    one.on_status(Status("ingest", "running", t_s=9.0))
    assert other.registry.get_sample_value("egoclean_decoded_seconds") == 0
    one.begin()
    assert one.registry.get_sample_value("egoclean_decoded_seconds") == 0


def test_old_heartbeat_is_none() -> None:
    """A run that was last heard a while ago is not well, whatever it said; a finished one need not repeat it."""
    beat = Health(time=now().isoformat(), state="running", decoded_s=1, windows=1)
    later = now() + timedelta(seconds=OLD_S + 10)
    assert beat.complaint(now()) is None
    assert "no heartbeat for 40 s" in (beat.complaint(later) or "")
    assert beat.model_copy(update={"state": "finished"}).complaint(later) is None


def test_health_is_light() -> None:
    """`health` imports nothing that decodes, computes or talks to a network."""
    program = (
        "import sys, stream.cli, stream.commands.health;"
        "print(sorted({'torch', 'av', 'cv2', 'numpy', 'zmq', 'prometheus_client', 'rich'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def chain_at(clock: Clock) -> Progress:
    """A chain under way, with a ``--stall-s`` of a minute."""
    progress = Progress(stall_s=60, clock=clock)
    for name in PROCESSES:
        progress.on_status(Status(name, "running", items=40, t_s=1.5))
    return progress


def test_the_process_that_holds_the_others_up_is_named() -> None:
    """Of a chain that stands still the process is blamed that says nothing, not those that say that they wait."""
    clock = Clock()
    progress = chain_at(clock)
    clock.now_s += 61
    for name in ("ingest", "detect", "record"):
        progress.on_status(Status(name, "running", items=41))
    state, reason = progress.judge()
    assert state == "stalled"
    assert reason == "the encode process has done nothing for 61 s, after 40 items, at 1.5 s of the source"


def test_life_without_work_is_a_stall() -> None:
    """Processes that all say that they live, and do nothing, have stalled."""
    clock = Clock()
    progress = chain_at(clock)
    for _ in range(61):
        clock.now_s += 1
        for name in PROCESSES:
            progress.on_status(Status(name, "running", items=40, t_s=1.5))
    assert progress.judge() == (
        "stalled", "no process has done anything for 61 s, after 40 items, at 1.5 s of the source",
    )  # fmt: skip


def test_one_that_works_is_enough() -> None:
    """While one process does something and the others say that they wait, all is well; also when some are done."""
    clock = Clock()
    progress = chain_at(clock)
    progress.on_status(Status("ingest", "done", items=40))
    for items in range(61):
        clock.now_s += 1
        progress.on_status(Status("encode", "running", items=40, given={"Embedding": items}))
        for name in ("detect", "record"):
            progress.on_status(Status(name, "running", items=40))
    assert progress.judge() == ("running", "")
    assert progress.windows == 60


def test_annotator_may_think_for_minutes() -> None:
    """While the annotator is at one batch the run is well, also when all others wait for it; not for ever."""
    clock = Clock()
    progress = Progress(60, (*PROCESSES, ANNOTATE), clock)
    for name in (*PROCESSES, ANNOTATE):
        progress.on_status(Status(name, "running"))
    for seconds, state in ((300, "running"), (301, "stalled")):
        clock.now_s += seconds
        for name in PROCESSES:
            progress.on_status(Status(name, "running"))
        progress.on_status(Status(ANNOTATE, "running", busy_s=clock.now_s - 1000))
        assert progress.judge()[0] == state
    assert "annotate" in progress.judge()[1]


def test_annotator_without_a_pulse_is_a_stall() -> None:
    """A thinking process has a pulse: one that says nothing at all is blamed like any other."""
    clock = Clock()
    progress = Progress(60, (*PROCESSES, ANNOTATE), clock)
    progress.on_status(Status(ANNOTATE, "running", items=3))
    clock.now_s += 61
    for name in PROCESSES:
        progress.on_status(Status(name, "running"))
    assert progress.judge() == (
        "stalled", "the annotate process has done nothing for 61 s, after 3 items, at 0.0 s of the source",
    )  # fmt: skip


def test_idle_annotator_excuses_nobody() -> None:
    """When all live and nothing moves, an annotator that waits for work is no reason."""
    clock = Clock()
    progress = Progress(60, (*PROCESSES, ANNOTATE), clock)
    for _ in range(62):
        for name in (*PROCESSES, ANNOTATE):
            progress.on_status(Status(name, "running"))
        clock.now_s += 1
    assert progress.judge()[0] == "stalled"


def test_nothing_left_to_do_is_no_stall() -> None:
    """When every process is done, the run is not blamed while its books are closed."""
    clock = Clock()
    progress = chain_at(clock)
    for name in PROCESSES:
        progress.on_status(Status(name, "done", items=40))
    clock.now_s += 61
    assert progress.judge() == ("running", "")


def test_starting_has_its_grace_and_no_more() -> None:
    """A chain whose processes are not all ready is starting, for a while; a new chain gets that time again."""
    clock = Clock()
    progress = Progress(stall_s=60, clock=clock)
    progress.on_status(Status("ingest", "running"))
    progress.on_status(Status("encode", "starting"))
    clock.now_s += GRACE_S
    assert progress.judge() == ("starting", "")
    clock.now_s += 1
    assert progress.judge() == ("stalled", "the encode process is not ready after 601 s")
    progress.begin()
    assert progress.judge() == ("starting", "")
