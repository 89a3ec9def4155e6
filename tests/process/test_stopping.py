"""How long a run takes to stop, in any state."""

import os
import signal
import threading
from functools import partial
from pathlib import Path
from time import monotonic

import psutil
import pytest

from stream.config import Options
from stream.engines.table import run_prepared
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import finish_of, read_events
from stream.run.prepare import prepare
from stream.runtime.signals import DRAIN_S
from stream.sources.clip import Clip
from stream.ui.view import JsonView
from tests.support.at_event import at_event
from tests.support.inline import run_inline
from tests.support.runs import freeze, make_clip_with_lens, manifest, worker_named

GRID = ("--encoder", "grid")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds, and their calibration."""
    return make_clip_with_lens(tmp_path_factory.mktemp("worker"), seconds=3, fps=5)


def failed(run_dir: Path) -> events.RunFailed:
    """The run's last word."""
    *_, last = read_events(run_dir / "events.jsonl")
    assert isinstance(last, events.RunFailed)
    return last


class StopsAtCheckpoint(JsonView):
    """At the first checkpoint it stops the encoder's process with SIGSTOP, and then sends signals to this one."""

    def __init__(self, run_dir: Path, signals: list[signal.Signals]) -> None:
        super().__init__()
        self._run_dir = run_dir
        self._signals = signals

    def event(self, event: events.Event) -> None:
        """Act on the first checkpoint."""
        if isinstance(event, events.Checkpoint) and self._signals:
            freeze(worker_named(psutil.Process(), self._run_dir, "encode"))
            while self._signals:
                os.kill(os.getpid(), self._signals.pop(0))


@pytest.mark.parametrize(
    ("signals", "drain_s"), [([signal.SIGTERM], 0.05), ([signal.SIGTERM, signal.SIGINT], 10_000.0)]
)
def test_stopped_encoder_holds_up_no_end(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: list[signal.Signals], drain_s: float
) -> None:
    """With a process that does not move a run ends when the time for draining is over, and after a second signal
    without waiting for that; it says how far it had come.
    """
    assert DRAIN_S <= 6.0  # with 2 s to end, they are the 8 s that docs/reliability.md promises
    monkeypatch.setattr("stream.runtime.signals.DRAIN_S", drain_s)
    options = {"encoder.name": "grid", "output.folder": tmp_path, "input.loop": True, "detector.max_segment_s": 60.0}
    prepared = prepare(Options(source=str(clip)).replace(options))
    assert run_prepared(prepared, StopsAtCheckpoint(tmp_path / "clip", list(signals))) == 143
    assert failed(tmp_path / "clip").decoded_s >= 30.0


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
    monkeypatch.undo()
    assert run_inline(clip, *GRID, "--out", tmp_path).returncode == 0
    completed = manifest(layout.root)
    assert (completed["state"], len(completed["source"]["sha256"])) == ("finished", 64)
    assert completed["usage"]["attempts"] == 2


def test_cost_is_of_all_attempts(clip: Path, tmp_path: Path) -> None:
    """What a stopped attempt has cost is in the sum, in time and in dollars."""
    words = (clip, *GRID, "--out", tmp_path, "--pace", "realtime", "--price-per-hour", "3600")
    with at_event(events.RunStarted, partial(signal.raise_signal, signal.SIGTERM)):
        assert run_inline(*words).returncode == 143
    before, left_s = manifest(tmp_path / "clip")["usage"], 3.0 - failed(tmp_path / "clip").decoded_s
    began_at = monotonic()
    assert run_inline(*words).returncode == 0
    usage = manifest(tmp_path / "clip")["usage"]
    assert left_s > 0
    assert left_s - 0.5 <= usage["wall_s"] - before["wall_s"] <= monotonic() - began_at
    assert usage["dollars"] == pytest.approx(usage["wall_s"], abs=0.01)
