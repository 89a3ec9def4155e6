"""The supervisor's handle of a worker process: starts it, gives it work, stops, awaits and kills it."""

import signal
from pathlib import Path
from typing import Final

from stream.runtime.control_line import ControlLine
from stream.runtime.heartbeat import Heartbeat
from stream.runtime.process_spec import ProcessSpec
from stream.runtime.worker_config import WorkerConfig
from stream.runtime.worker_start import WorkerStarter


class WorkerProcess:
    """One process of a chain, or of one chain after another."""

    def __init__(self, spec: ProcessSpec, log: Path, starter: WorkerStarter) -> None:
        """Start it; what it prints before it has work goes to ``log``."""
        self.spec: Final = spec
        self.name: Final = spec.name
        self.log = log
        self._config: WorkerConfig | None = None
        self._line = ControlLine()
        with log.open("ab") as messages:  # what an earlier one wrote before it died stays
            self._process = starter.start(spec, self._line.far_end.fileno(), messages.fileno())
        self._line.far_end.close()

    def assign(self, config: WorkerConfig, log: Path, lock_fd: int) -> None:
        """Have it work on a run, and hold the run's lock, ``lock_fd``, for as long as it does."""
        self._config, self.log = config, log
        with log.open("ab") as messages:
            descriptors = lock_fd, messages.fileno(), *config.source_descriptors
            self._line.assign(config.model_dump_json(), descriptors)

    @property
    def config(self) -> WorkerConfig:
        """What it works on."""
        if self._config is None:
            raise RuntimeError(f"the {self.name} process has no work")
        return self._config

    @property
    def code(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def is_free(self) -> bool:
        """Whether it has done its work and can take more."""
        return self._line.is_done and self.code is None

    @property
    def has_ended(self) -> bool:
        """Whether its work has ended, well or not."""
        return self._line.is_done or self.code is not None

    @property
    def has_failed(self) -> bool:
        """Whether it ended before its work did."""
        return bool(self.code) and not self._line.is_done

    @property
    def end_fd(self) -> int | None:
        """The descriptor that becomes readable when its work ends; None if it has ended."""
        return self._line.end_fd

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it."""
        return (self.code or 0) < 0

    def stop(self) -> None:
        """Ask it to stop: the source ends early, and no process waits for one that does not drain.

        The other processes end when the source's ``End`` reaches them.
        """
        self._line.stop()

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

    def leave(self) -> None:
        """The run has ended: an empty log of it is removed."""
        if self.log.exists() and not self.log.stat().st_size:
            self.log.unlink()

    def close(self) -> None:
        """Close its control line, which ends a process that is free, and wait until it is gone."""
        self._line.close()
        self._process.wait()
