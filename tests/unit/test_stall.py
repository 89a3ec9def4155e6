"""A stall is detected by the work that gets done, and the process that holds up the others is named."""

from stream.monitoring.stall import GRACE_S, StallDetector
from stream.runtime import processes
from stream.runtime.heartbeat import Heartbeat
from tests.support.fake_time import FakeClock

ANNOTATE = processes.ANNOTATE.name
CHAIN = {name: spec.patience_s for name, spec in processes.PROCESSES.items() if name != ANNOTATE}


def chain_at(clock: FakeClock) -> StallDetector:
    """A chain under way, with a ``--progress-timeout-s`` of a minute."""
    progress = StallDetector(60, CHAIN, clock)
    for name in CHAIN:
        progress.on_heartbeat(Heartbeat(name, "running", items=40, t_s=1.5))
    return progress


def test_the_process_that_holds_the_others_up_is_named() -> None:
    """Of a chain that stands still the process is blamed that says nothing, not those that say that they wait."""
    clock = FakeClock()
    progress = chain_at(clock)
    clock.now_s += 61
    for name in ("ingest", "detect", "record"):
        progress.on_heartbeat(Heartbeat(name, "running", items=41))
    state, reason = progress.judge()
    assert state == "stalled"
    assert reason == "the encode process has done nothing for 61 s, after 40 items, at 1.5 s of the source"


def test_life_without_work_is_a_stall() -> None:
    """Processes that all say that they live, and do nothing, have stalled."""
    clock = FakeClock()
    progress = chain_at(clock)
    for _ in range(61):
        clock.now_s += 1
        for name in CHAIN:
            progress.on_heartbeat(Heartbeat(name, "running", items=40, t_s=1.5))
    assert progress.judge() == (
        "stalled", "no process has done anything for 61 s, after 40 items, at 1.5 s of the source",
    )  # fmt: skip


def test_one_that_works_is_enough() -> None:
    """While one process does something and the others say that they wait, all is well; also when some are done."""
    clock = FakeClock()
    progress = chain_at(clock)
    progress.on_heartbeat(Heartbeat("ingest", "done", items=40))
    for items in range(61):
        clock.now_s += 1
        progress.on_heartbeat(Heartbeat("encode", "running", items=40, items_out={"Embedding": items}))
        for name in ("detect", "record"):
            progress.on_heartbeat(Heartbeat(name, "running", items=40))
    assert progress.judge() == ("running", "")
    assert progress.windows == 60


def test_annotator_may_think_for_minutes() -> None:
    """While the annotator is at one batch the run is well, also when all others wait for it; not forever."""
    clock = FakeClock()
    progress = StallDetector(60, {**CHAIN, ANNOTATE: processes.ANNOTATE.patience_s}, clock)
    for name in (*CHAIN, ANNOTATE):
        progress.on_heartbeat(Heartbeat(name, "running"))
    for seconds, state in ((300, "running"), (301, "stalled")):
        clock.now_s += seconds
        for name in CHAIN:
            progress.on_heartbeat(Heartbeat(name, "running"))
        progress.on_heartbeat(Heartbeat(ANNOTATE, "running", busy_s=clock.now_s - 100))
        assert progress.judge()[0] == state
    assert "annotate" in progress.judge()[1]


def test_annotator_without_a_pulse_is_a_stall() -> None:
    """A thinking process has a pulse: one that says nothing at all is blamed like any other."""
    clock = FakeClock()
    progress = StallDetector(60, {**CHAIN, ANNOTATE: processes.ANNOTATE.patience_s}, clock)
    progress.on_heartbeat(Heartbeat(ANNOTATE, "running", items=3))
    clock.now_s += 61
    for name in CHAIN:
        progress.on_heartbeat(Heartbeat(name, "running"))
    assert progress.judge() == (
        "stalled", "the annotate process has done nothing for 61 s, after 3 items, at 0.0 s of the source",
    )  # fmt: skip


def test_idle_annotator_does_not_excuse_a_stall() -> None:
    """When all live and nothing moves, an annotator that waits for work is no reason."""
    clock = FakeClock()
    progress = StallDetector(60, {**CHAIN, ANNOTATE: processes.ANNOTATE.patience_s}, clock)
    for _ in range(62):
        for name in (*CHAIN, ANNOTATE):
            progress.on_heartbeat(Heartbeat(name, "running"))
        clock.now_s += 1
    assert progress.judge()[0] == "stalled"


def test_finished_work_is_not_a_stall() -> None:
    """When every process is done, the run is not blamed while its books are closed."""
    clock = FakeClock()
    progress = chain_at(clock)
    for name in CHAIN:
        progress.on_heartbeat(Heartbeat(name, "done", items=40))
    clock.now_s += 61
    assert progress.judge() == ("running", "")


def test_starting_has_its_grace_and_no_more() -> None:
    """A chain whose processes are not all ready is starting, for a while; a new chain gets that time again."""
    clock = FakeClock()
    progress = StallDetector(60, CHAIN, clock)
    progress.on_heartbeat(Heartbeat("ingest", "running"))
    progress.on_heartbeat(Heartbeat("encode", "starting"))
    clock.now_s += GRACE_S
    assert progress.judge() == ("starting", "")
    clock.now_s += 1
    assert progress.judge() == ("stalled", "the encode process is not ready after 601 s")
    progress.begin()
    assert progress.judge() == ("starting", "")


def test_a_run_that_waits_for_its_camera_has_not_stalled() -> None:
    """Up to a limit; a process that hangs meanwhile is a stall all the same."""
    clock = FakeClock()
    progress = StallDetector(60.0, CHAIN, clock, away_s=300.0)

    def beat(*names: str) -> None:
        for name in names:
            progress.on_heartbeat(Heartbeat(name, "running", items=7))

    beat(*CHAIN)
    progress.away("it ended the stream")
    for _ in range(6):
        clock.wait(50.0)
        beat(*CHAIN)
    assert progress.judge() == ("running", "the source is away: it ended the stream")
    clock.wait(50.0)
    beat(*CHAIN)
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
