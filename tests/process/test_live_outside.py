"""What is told of a live source outside: figures, and that waiting for a camera is no stall."""

import pytest

from stream.monitoring.metrics import Metrics
from stream.monitoring.stall import Progress
from stream.records.schema import events
from stream.records.schema.health import Health, now
from stream.runtime.heartbeat import Status
from stream.runtime.processes import PROCESSES
from stream.ui.console import describe
from tests.support.live_packets import Clock


def test_metrics_of_a_live_source_add_up() -> None:
    """Gaps, what was skipped, and the greatest lag of all processes."""
    metrics = Metrics(price_per_hour=0.0)
    metrics.on_status(Status("ingest", "running", lag_s=0.2))
    metrics.on_status(Status("encode", "running", lag_s=4.5))
    metrics.on_status(Status("detect", "running"))
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


def test_a_run_that_waits_for_its_camera_has_not_stalled() -> None:
    """Up to a limit; a process that hangs meanwhile is a stall all the same."""
    clock = Clock()
    progress = Progress(stall_s=60.0, away_s=300.0, clock=clock)

    def beat(*names: str) -> None:
        for name in names:
            progress.on_status(Status(name, "running", items=7))

    beat(*PROCESSES)
    progress.away("it ended the stream")
    for _ in range(6):
        clock.wait(50.0)
        beat(*PROCESSES)
    assert progress.judge() == ("running", "the source is away: it ended the stream")
    clock.wait(50.0)
    beat(*PROCESSES)
    assert progress.judge() == ("stalled", "the source has been away for 350 s: it ended the stream")
    progress.away("")
    assert progress.judge() == ("running", "")
    clock.wait(50.0)
    progress.away("it ended the stream")
    beat("ingest", "encode", "detect")
    clock.wait(30.0)
    beat("ingest", "encode", "detect")
    state, reason = progress.judge()
    assert (state, reason.split(",")[0]) == ("stalled", "the record process has done nothing for 80 s")


def test_health_says_what_a_run_waits_for() -> None:
    """It is well, and yet it says that its camera is away."""
    health = Health(
        time=now().isoformat(), state="running", reason="the source is away: cut", decoded_s=12.0, windows=9
    )
    assert health.complaint(now()) is None
    assert health.summary() == "running (the source is away: cut), 12.0 s decoded, 9 windows embedded"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (events.SourceLost(t_s=61.0, reason="cut"), "source lost  at 0:01:01.0, it is sought: cut"),
        (
            events.SourceGap(t_start_s=61.0, t_end_s=70.0, reason="cut"),
            "source back  0:01:01.0 to 0:01:10.0 are missing: cut",
        ),
        (
            events.StreamOverload(t_start_s=1.0, t_end_s=9.0, reason="slow", windows_skipped=3, packets_dropped=60),
            "overload  0:00:01.0 to 0:00:09.0, 3 windows skipped, 60 packets not decoded: slow",
        ),
    ],
)
def test_a_person_reads_one_line_an_event(event: events.Event, line: str) -> None:
    """What happened, when, and why."""
    assert describe(event) == line
