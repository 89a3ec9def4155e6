"""Starts and watches the process of the encoder that several clips share."""

import subprocess
import sys
from pathlib import Path

from stream.config import Options
from stream.engines.batch import WriteLine
from stream.errors import ExitCode, StageFailedError
from stream.runtime.encoder_service.server import ServiceConfig

_FINAL = (ExitCode.USAGE, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM)
"""Another attempt would end in the same way."""


class EncoderProcess:
    """``python -m stream.runtime.encoder_service.server``; restarted if it dies, ``--max-restarts`` times."""

    def __init__(self, options: Options, endpoint: str, log: Path, write_line: WriteLine) -> None:
        self._config = ServiceConfig(options=options, endpoint=endpoint)
        self._log = log
        self._write_line = write_line
        self._restarts_left = options.runtime.max_restarts
        self._process = self._started()

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Restart it if it has died.

        Raises:
            StageFailedError: it has died too often, or another attempt would end in the same way.
        """
        if (code := self._process.poll()) is None:
            return
        self._end()
        reason = (self._log.read_text(errors="replace").splitlines() or [f"it ended with status {code}"])[-1]
        if code in _FINAL or not self._restarts_left:
            known = code if code in _FINAL else ExitCode.INTERNAL
            raise StageFailedError(f"the shared encoder has failed: {reason}", known, "encoder", transient=False)
        self._restarts_left -= 1
        self._write_line(f"the shared encoder is restarted: {reason}")
        self._process = self._started()

    def close(self) -> None:
        """End it at once: it holds nothing that its clients do not have."""
        self._process.kill()
        self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stream.runtime.encoder_service.server"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if process.stdin is None:
            raise RuntimeError("the shared encoder has no control pipe")
        process.stdin.write(self._config.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        return process

    def _end(self) -> None:
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
