"""Worker processes that outlive a run: the next run uses them again, with what they have imported and loaded."""

from collections import defaultdict
from pathlib import Path

from stream.runtime.process_spec import ProcessSpec
from stream.runtime.worker_config import WorkerConfig
from stream.runtime.worker_process import WorkerProcess
from stream.runtime.worker_start import WorkerStarter


class WorkerPool:
    """The processes that wait for work, by their rows in the table of processes."""

    def __init__(self) -> None:
        self._free: dict[str, list[WorkerProcess]] = defaultdict(list)
        self._starter = WorkerStarter()

    def assign(self, spec: ProcessSpec, config: WorkerConfig, log: Path, lock_fd: int) -> WorkerProcess:
        """A process of a row that works on a run: one that waits, else a new one. ``lock_fd`` is the run's lock."""
        worker = self._waiting(spec) or WorkerProcess(spec, log, self._starter)
        worker.assign(config, log, lock_fd)
        return worker

    def take_back(self, worker: WorkerProcess) -> None:
        """Take a process whose run has ended. One whose work did not end well is killed."""
        worker.leave()
        if worker.is_free:
            self._free[worker.name].append(worker)
        else:
            worker.kill()
            worker.close()

    def close(self) -> None:
        """End all that wait."""
        for workers in self._free.values():
            for worker in workers:
                worker.close()
        self._free.clear()
        self._starter.close()

    def _waiting(self, spec: ProcessSpec) -> WorkerProcess | None:
        workers = self._free[spec.name]
        while workers:
            worker = workers.pop()
            if worker.is_free:
                return worker
            worker.close()
        return None
