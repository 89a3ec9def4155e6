"""``tail`` follows a run from outside: early, whole, and without disturbing it."""

import json
import signal
from pathlib import Path

import pytest

from stream.records.schema import events
from tests.support.inline import run_inline
from tests.support.runs import DEADLINE_S, make_clip_with_lens, started, wait_for_event


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    return make_clip_with_lens(tmp_path_factory.mktemp("worker"), seconds=6, fps=5)


def test_tail_that_starts_first_sees_everything_and_ends(clip: Path, tmp_path: Path) -> None:
    """A tail that was there before the run prints every event as it was written, and exits 0 after the last."""
    run_dir = tmp_path / "clip"
    with started("tail", run_dir) as tail:
        assert tail.stderr is not None
        assert tail.stderr.readline() == f"waiting for a run in {run_dir}, which does not exist yet\n"
        assert run_inline(clip, "--encoder", "grid", "--out", tmp_path).returncode == 0
        printed, complaints = tail.communicate(timeout=DEADLINE_S)
    assert (tail.returncode, complaints) == (0, "")
    assert printed == (run_dir / "events.jsonl").read_text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopping_tail_does_not_disturb_the_run(clip: Path, tmp_path: Path, how: int) -> None:
    """A run whose follower is stopped or killed continues."""
    run_dir = tmp_path / "clip"
    with started(clip, "--encoder", "grid", "--out", tmp_path, "--loop", "--engine", "inline") as run:
        first = wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), run)
        with started("tail", run_dir) as tail:
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["event"] == "run.started"
            tail.send_signal(how)
            tail.communicate(timeout=DEADLINE_S)  # what it still writes must find a reader
            assert tail.returncode == (130 if how == signal.SIGINT else -9)
        later = wait_for_event(run_dir, lambda e: isinstance(e, events.Checkpoint) and e.seq > first.seq, run)
        assert later.seq > first.seq


def test_reader_that_disconnects_is_not_an_error(clip: Path, tmp_path: Path) -> None:
    """A pipe that is closed while tail has more to print ends it quietly, with 141 as SIGPIPE would."""
    with started(clip, "--encoder", "grid", "--out", tmp_path, "--loop", "--engine", "inline") as run:
        wait_for_event(tmp_path / "clip", lambda event: isinstance(event, events.Checkpoint), run)
        with started("tail", tmp_path / "clip") as tail:
            assert tail.stdout is not None
            assert tail.stderr is not None
            tail.stdout.readline()
            tail.stdout.close()
            assert tail.wait(DEADLINE_S) == 141
            assert tail.stderr.read() == ""
