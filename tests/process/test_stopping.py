"""How long a run takes to stop, in any state."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from stream.config import Options
from stream.engines.table import run_prepared
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import finish_of, read_events
from stream.run.prepare import prepare
from stream.sources.clip import Clip
from stream.ui.view import JsonView
from tests.support.runs import (
    DEADLINE_S,
    freeze,
    make_clip_with_lens,
    manifest,
    run_cli,
    started,
    wait_for_event,
    worker_named,
)

GRID = ("--encoder", "grid")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds, and their calibration."""
    return make_clip_with_lens(tmp_path_factory.mktemp("worker"), seconds=3)


def failed(run_dir: Path) -> events.RunFailed:
    """The run's last word."""
    *_, last = read_events(run_dir / "events.jsonl")
    assert isinstance(last, events.RunFailed)
    return last


@pytest.mark.parametrize(("signals", "limit_s"), [(1, 8.0), (2, 4.0)])
def test_stopped_encoder_holds_up_no_end(clip: Path, tmp_path: Path, signals: int, limit_s: float) -> None:
    """With a process that does not move a run ends within 8 s of a signal, and of a second one at once, which is
    well before it would have drained; it says how far it had come.
    """
    run_dir = tmp_path / "clip"
    with started(clip, *GRID, "--out", tmp_path, "--loop", "--detector-max-segment-s", "60") as process:
        wait_for_event(run_dir, lambda event: isinstance(event, events.Checkpoint), process)
        freeze(worker_named(process, run_dir, "encode"))
        began_at = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGINT)[:signals]:
            process.send_signal(number)
        assert process.wait(DEADLINE_S) in (143, 130)  # of two that are sent at once either may come first
        assert time.monotonic() - began_at < limit_s
    assert failed(run_dir).decoded_s >= 30.0


def test_signal_while_the_source_is_hashed(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has written its last event waits for the source's hash, but not after a signal; later it completes."""
    layout = RunLayout(tmp_path / "clip", "clip")

    def hash_for_ever(_: Clip) -> None:
        while finish_of(layout.events) is None:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()

    monkeypatch.setattr(Clip, "sha256", hash_for_ever)
    prepared = prepare(Options(source=str(clip)).replace({"encoder.name": "grid", "output.folder": tmp_path}))
    assert run_prepared(prepared, JsonView()) == 143
    assert manifest(layout.root)["state"] == "running"
    assert run_cli(clip, *GRID, "--out", tmp_path).returncode == 0
    completed = manifest(layout.root)
    assert (completed["state"], len(completed["source"]["sha256"])) == ("finished", 64)
    assert completed["usage"]["attempts"] == 2


def test_cost_is_of_all_attempts(clip: Path, tmp_path: Path) -> None:
    """What a stopped attempt has cost is in the sum, in time and in dollars."""
    words = (clip, *GRID, "--out", tmp_path, "--pace", "realtime", "--price-per-hour", "3600")
    with started(*words) as process:
        wait_for_event(tmp_path / "clip", lambda event: isinstance(event, events.RunStarted), process)
        process.terminate()
        assert process.wait(DEADLINE_S) == 143
    before = manifest(tmp_path / "clip")["usage"]
    assert run_cli(*words).returncode == 0
    usage = manifest(tmp_path / "clip")["usage"]
    assert usage["wall_s"] >= before["wall_s"] + 2.9
    assert usage["dollars"] == pytest.approx(usage["wall_s"], abs=0.01)
