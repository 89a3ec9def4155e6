"""Several clips at a time: how the pool that runs them takes signals."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from unittest.mock import MagicMock

import pytest

from stream.config import Options
from stream.engines import pool
from stream.engines.batch import Outcome
from stream.engines.clip_process import ClipConfig
from stream.runtime.signals import StopRequest
from stream.sources.address import ClipSpec


class HeldSlot:
    """A slot whose clip lasts until it gets a signal; the first clip's beginning sends one to this process."""

    is_alive = False

    def begin(self, config: ClipConfig, _view: object, _write_line: object, done: Callable[["HeldSlot"], None]) -> None:
        """Begin a clip."""
        self.clip = config.clip
        self._done = done
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()

    def signal(self, number: int) -> None:
        """End the clip."""
        self._outcome = Outcome(self.clip, 128 + number, "stopped")
        self._done(self)

    def outcome(self) -> Outcome:
        """Of the clip."""
        return self._outcome

    def close(self) -> None:
        """There is no process."""


def test_a_signal_is_passed_on_even_if_it_is_handled_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, its handler may return only after the time for which the pool waits for the end of a clip."""
    note = StopRequest.__call__

    def note_late(stop: StopRequest, number: int, frame: FrameType | None) -> None:
        note(stop, number, frame)
        threading.Event().wait(0.4)

    monkeypatch.setattr(StopRequest, "__call__", note_late)
    monkeypatch.setattr(pool, "ClipSlot", HeldSlot)
    options = Options(source="-").replace({"encoder.name": "grid", "output.folder": tmp_path})
    (outcome,) = pool.run_concurrently([ClipSpec("a.mp4")], options, 2, MagicMock(), fail_fast=False)
    assert outcome == Outcome("a.mp4", 143, "stopped")
