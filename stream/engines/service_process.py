"""Starts and watches the process of a model that several clips share."""

import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from stream.config import Options
from stream.engines.batch import WriteLine
from stream.errors import ExitCode, StageFailedError
from stream.runtime.services.process import ServiceConfig, mark_of_work

_FINAL = (ExitCode.USAGE, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM)
"""Another attempt would end in the same way."""
_READ_BYTES: Final = 1 << 12
_STEADY_S: Final = 60.0
"""One that has lived for longer, or has worked, may be restarted as often as the first: a series may take days."""


class ServiceProcess:
    """``python -m stream.runtime.<name>_service.server``; restarted if it dies or hangs.

    It may be restarted ``--max-restarts`` times in a row. The count begins anew after a process that has worked: a
    segment at which it dies is tried twice, and others follow.
    """

    def __init__(self, name: str, options: Options, endpoint: str, folder: Path, write_line: WriteLine) -> None:
        """``name`` is ``encoder`` or ``annotator``; the log is in ``folder``."""
        self._name = name
        self._config = ServiceConfig(options=options, endpoint=endpoint)
        self._log = folder / f"{name}.log"
        self._write_line = write_line
        self._restarts_left = options.runtime.max_restarts
        self._process = self._started()

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Restart it if it has died, or has reported nothing for ``--liveness-timeout-s``.

        Raises:
            StageFailedError: it has died too often, or another attempt would end in the same way.
        """
        silent_s = self._silent_s()
        if (code := self._process.poll()) is None:
            if silent_s <= self._config.options.runtime.liveness_timeout_s:
                return
            self._process.kill()
            code = self._process.wait()
            with self._log.open("a") as log:
                log.write(f"it has reported nothing for {silent_s:.0f} s: it hangs\n")
        self._end()
        if time.monotonic() - self._began_at > _STEADY_S or mark_of_work(self._config.endpoint).exists():
            self._restarts_left = self._config.options.runtime.max_restarts
        reason = (self._log.read_text(errors="replace").splitlines() or [f"it ended with status {code}"])[-1]
        if code in _FINAL or not self._restarts_left:
            known = code if code in _FINAL else ExitCode.INTERNAL
            raise StageFailedError(f"the shared {self._name} has failed: {reason}", known, self._name, transient=False)
        self._restarts_left -= 1
        self._write_line(f"the shared {self._name} is restarted: {reason}")
        self._process = self._started()

    def close(self) -> None:
        """End it at once: it holds nothing that its clients do not have."""
        self._process.kill()
        self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        self._began_at = self._heard_at = time.monotonic()
        mark_of_work(self._config.endpoint).unlink(missing_ok=True)
        self._line, far_end = socket.socketpair()
        with far_end, self._log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"stream.runtime.{self._name}_service.server"],
                stdin=far_end.fileno(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended: its exit status says so
            self._line.sendall(self._config.model_dump_json().encode() + b"\n")
        return process

    def _silent_s(self) -> float:
        """Time since its last sign of life."""
        with suppress(BlockingIOError, ConnectionResetError):
            while self._line.recv(_READ_BYTES, socket.MSG_DONTWAIT):
                self._heard_at = time.monotonic()
        return time.monotonic() - self._heard_at

    def _end(self) -> None:
        self._process.wait()
        self._line.close()
