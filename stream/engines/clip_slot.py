"""One of the clips that run at a time: a process that runs one after another, and a thread that reads its output."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from stream.engines.batch import Outcome, WriteLine
from stream.engines.clip_process import OUTCOME, ClipConfig
from stream.runtime.control_line import ControlLine
from stream.runtime.exit import await_exit
from stream.runtime.signals import DRAIN_S
from stream.ui.view import View

_GRACE_S = DRAIN_S + 3.0
"""A process that has not ended this long after the request to stop is killed."""


class ClipSlot:
    """Runs one clip after another."""

    def __init__(self) -> None:
        self._line = ControlLine()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stream.engines.clip_process"],
            stdin=self._line.far_end.fileno(),
            stdout=subprocess.PIPE,  # not ours, so that it is not standard error's file; each clip brings another
            start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone
        )
        self._line.far_end.close()

    def begin(self, config: ClipConfig, view: View, write_line: WriteLine, done: Callable[["ClipSlot"], None]) -> None:
        """Run a clip. ``write_line`` gets what it prints, and ``done`` is called at its end, both in a thread."""
        self._config = config
        reading, writing = os.pipe()
        self._line.assign(config.model_dump_json(), [writing])
        os.close(writing)
        self._thread = threading.Thread(target=self._read, args=(reading, view, write_line, done), daemon=True)
        self._thread.start()

    @property
    def clip(self) -> str:
        """The clip, as it was named."""
        return self._config.clip

    @property
    def is_alive(self) -> bool:
        """Whether it can run another clip."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Pass a signal on."""
        self._process.send_signal(number)

    def outcome(self) -> Outcome:
        """The outcome of the clip, once ``done`` was called; a process that ended before the clip did has one, too."""
        self._thread.join()
        if self._config.outcome.exists():
            return OUTCOME.validate_json(self._config.outcome.read_bytes())
        self.close()
        code = self._process.returncode
        if code < 0:
            return Outcome(self.clip, 70, f"its process was killed by {signal.Signals(-code).name}")
        return Outcome(self.clip, code, "stopped before it began" if code > 128 else f"it ended with {code}")

    def close(self) -> None:
        """End the process: a run under way has been asked to stop, and is killed if it does not in time."""
        self._thread.join(_GRACE_S)
        self._line.close()
        await_exit(self._process, _GRACE_S)
        self._thread.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self, pipe: int, view: View, write_line: WriteLine, done: Callable[["ClipSlot"], None]) -> None:
        with os.fdopen(pipe, "rb") as lines:
            for line in lines:
                write_line(line.decode(errors="replace").rstrip("\n"))
        view.close()
        done(self)
