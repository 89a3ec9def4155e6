"""The processes of the chain as the supervisor holds them: started, told to stop, waited for, killed."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from stream.runtime.heartbeat import Status
from stream.runtime.worker import WorkerConfig


class Child:
    """One process of the chain."""

    def __init__(self, order: WorkerConfig, log: Path, lock_fd: int) -> None:
        """``lock_fd`` holds the run's lock: so does this process from now on, as long as it lives."""
        self.name = order.process
        self.order = order
        self.log = log
        self._stderr: IO[bytes] = log.open("ab")  # what an earlier one said before it died stays
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "stream.runtime.worker",
            ],  # -P: a folder named "stream" where we run is not ours
            stdin=subprocess.PIPE,
            stdout=self._stderr,
            stderr=self._stderr,
            start_new_session=True,  # a terminal's Ctrl-C reaches the supervisor alone
            pass_fds=(lock_fd, *((order.options.live.stdin_fds or ()) if order.inlet is None else ())),
            env=_environment(order),
        )
        self._tell(order.model_dump_json().encode() + b"\n")

    @property
    def code(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it."""
        return (self.code or 0) < 0

    def stop(self) -> None:
        """Ask the source to end early, and whoever waits for the annotator alone to wait no longer.

        The other processes end when the source's ``End`` reaches them.
        """
        self._tell(b"stop\n")

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def failure(self, last: Status | None) -> tuple[str, int]:
        """Why it ended, as a sentence, and the exit code that says so."""
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
            with suppress(BrokenPipeError):  # it had ended when it was told something: what is left has nowhere to go
                self._process.stdin.close()
        self._stderr.close()
        if self.log.exists() and not self.log.stat().st_size:
            self.log.unlink()

    def _tell(self, line: bytes) -> None:
        if self._process.stdin is None:
            raise RuntimeError(f"the {self.name} process has no control line")
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended already: the supervisor finds that, and why, by its exit status


def _environment(order: WorkerConfig) -> dict[str, str]:
    """One thread for numpy everywhere but where a model computes: the chain's own processes fill the cores.

    Where no pictures are computed, buffers of messages are given back to the system as soon as they are free: in
    glibc's heap they leave holes, and a process takes half a MiB more for every hour of video (``tests.tools.soak``).
    """
    computes = order.process in ("encode", "annotate")
    threads = {} if computes else {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    memory = {"MALLOC_MMAP_THRESHOLD_": str(64 * 1024)} if order.process in ("detect", "record") else {}
    return {**os.environ, **threads, **memory}
