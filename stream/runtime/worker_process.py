"""The supervisor's handle of a worker process: starts, stops, awaits and kills it."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from stream.config import Options
from stream.runtime.heartbeat import Heartbeat
from stream.runtime.process_spec import ProcessSpec
from stream.runtime.worker import WorkerConfig


class WorkerProcess:
    """One process of the chain."""

    def __init__(self, spec: ProcessSpec, config: WorkerConfig, log: Path, lock_fd: int) -> None:
        """``lock_fd`` holds the run's lock; this process inherits it and holds it for as long as it lives."""
        self.spec = spec
        self.name = spec.name
        self.config = config
        self.log = log
        self._stderr: IO[bytes] = log.open("ab")  # what an earlier one wrote before it died stays
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stream.runtime.worker"],  # -P: a folder "stream" where we run is not ours
            stdin=subprocess.PIPE,
            stdout=self._stderr,
            stderr=self._stderr,
            start_new_session=True,  # a terminal's Ctrl-C reaches the supervisor alone
            pass_fds=(lock_fd, *(_source_fds(config.options) if config.inlet is None else ())),
            env=_environment(spec),
        )
        self._write(config.model_dump_json().encode() + b"\n")

    @property
    def code(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it."""
        return (self.code or 0) < 0

    def stop(self) -> None:
        """Ask it to stop: the source ends early, and no process waits for one that does not drain.

        The other processes end when the source's ``End`` reaches them.
        """
        self._write(b"stop\n")

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def failure(self, last: Heartbeat | None) -> tuple[str, int]:
        """A sentence on why it ended, and the exit code for that."""
        code = self._process.wait()
        if code < 0:
            return f"the {self.name} process was killed by {signal.Signals(-code).name}", 70
        if last is not None and last.state == "failed":
            hint = f" (see {self.log})" if code == 70 else ""
            return last.message + hint, code
        return f"the {self.name} process ended with status {code} (see {self.log})", code or 70

    def close(self) -> None:
        """Release its pipes; an empty log is removed."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it ended before it read all: what is left has nowhere to go
                self._process.stdin.close()
        self._stderr.close()
        if self.log.exists() and not self.log.stat().st_size:
            self.log.unlink()

    def _write(self, line: bytes) -> None:
        if self._process.stdin is None:
            raise RuntimeError(f"the {self.name} process has no control pipe")
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended already: the supervisor finds that, and why, by its exit status


def _source_fds(options: Options) -> tuple[int, ...]:
    """The file descriptors that the process which reads the source inherits."""
    fetched = options.resolved.fetched
    return (*(options.live.stdin_fds or ()), *([fetched.fd] if fetched else []))


def _environment(spec: ProcessSpec) -> dict[str, str]:
    chosen = {
        "OMP_NUM_THREADS": spec.threads,
        "OPENBLAS_NUM_THREADS": spec.threads,
        "MALLOC_MMAP_THRESHOLD_": spec.mmap_threshold_bytes,
    }
    return {**os.environ, **{name: str(value) for name, value in chosen.items() if value is not None}}
