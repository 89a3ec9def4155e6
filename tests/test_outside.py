"""What is told of a run follows from its statuses and events: figures, progress and stalls, the age of a heartbeat."""

import subprocess
import sys
from datetime import timedelta

import pytest

from stream.outside.metrics import Metrics
from stream.outside.progress import GRACE_S, Progress
from stream.records import events
from stream.records.health import OLD_S, Health, now
from stream.status import Status


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
        events.SourceDamaged(t_start_s=1.0, t_end_s=1.5, reason="lost", packets=15),
        events.StageRestarted(process="encode", reason="killed"),
    ):
        metrics.on_event(event)
    value = metrics.registry.get_sample_value
    assert value("egoclean_realtime_ratio") == 5.0
    assert value("egoclean_lag_seconds") == 2.0
    assert value("egoclean_frames_total") == 1490
    assert value("egoclean_windows_total") == 48
    assert value("egoclean_cost_dollars_total") == pytest.approx(0.001)
    assert value("egoclean_damaged_seconds_total") == 0.5
    assert value("egoclean_packets_lost_total") == 15
    assert value("egoclean_restarts_total", {"process": "encode"}) == 1
    assert value("egoclean_process_cpu_seconds_total", {"process": "encode"}) == 4.5
    assert value("egoclean_process_blocked_seconds_total", {"process": "encode"}) == 0.5
    assert value("egoclean_segments_closed_total", {"kind": "anomalous", "closed_by": "state_change"}) == 1
    assert value("egoclean_segments_settled_total", {"kind": "anomalous", "outcome": "skipped"}) == 1
    bucket = "egoclean_segment_{}_latency_seconds_bucket"
    assert [value(bucket.format("opening"), {"kind": "anomalous", "le": le}) for le in ("4.0", "5.0")] == [0, 1]
    assert [value(bucket.format("closing"), {"kind": "anomalous", "le": le}) for le in ("5.0", "6.0")] == [0, 1]


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


def chain_at(clock: Clock, *, encode_items: int = 100) -> Progress:
    """A chain under way, in which 100 tiles were handed on."""
    progress = Progress(stall_s=60, clock=clock)
    progress.on_status(Status("ingest", "running", items=100, given={"Tile": 100}))
    progress.on_status(Status("encode", "running", items=encode_items))
    progress.on_status(Status("detect", "running"))
    progress.on_status(Status("record", "running"))
    return progress


def test_the_process_that_holds_the_others_up_is_named() -> None:
    """Of a chain that stands still the process is blamed that leaves what waits for it, not the one that is blocked."""
    clock = Clock()
    progress = chain_at(clock, encode_items=40)
    clock.now_s += 61
    state, reason = progress.judge()
    assert state == "stalled"
    assert reason == "the encode process has done nothing for 61 s, after 40 items, at 0.0 s of the source"


def test_source_that_gives_nothing_is_named() -> None:
    """When all that was decoded is dealt with and no more comes, decoding has stalled."""
    clock = Clock()
    progress = chain_at(clock)
    clock.now_s += 61
    assert "the ingest process" in progress.judge()[1]


def test_waiting_for_work_is_no_stall() -> None:
    """While decoding moves, processes that have nothing to do are well."""
    clock = Clock()
    progress = chain_at(clock)
    clock.now_s += 59
    progress.on_status(Status("ingest", "running", items=101, given={"Tile": 100}))
    clock.now_s += 59
    assert progress.judge() == ("running", "")


def test_end_of_the_source_is_no_stall() -> None:
    """A source that is done is not blamed while the rest is dealt with."""
    clock = Clock()
    progress = chain_at(clock)
    progress.on_status(Status("ingest", "done", items=101, given={"Tile": 100}))
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
