"""Worker processes that align episodes, each one after another."""

import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from stream.alignment.options import AlignOptions
from stream.engines.align_episode import EpisodeOutcome
from stream.engines.align_process import AlignJob
from stream.errors import ExitCode
from stream.run.align_source import EpisodePlace
from stream.runtime.control_line import ControlLine
from stream.runtime.exit import await_exit

_GRACE_S: Final = 10.0
"""A worker that has not ended this long after the request to stop is killed."""


class AlignWorkers:
    """A fixed number of workers; what an episode becomes does not depend on which of them aligns it."""

    def __init__(self, number: int, gpus: Sequence[str] = ()) -> None:
        """Start them; each gets one of ``gpus`` in turn, as ``CUDA_VISIBLE_DEVICES`` names them, if there are any."""
        self._free = [_Worker(gpus[slot % len(gpus)] if gpus else None) for slot in range(number)]
        self._busy: list[_Worker] = []

    def run(
        self, places: Sequence[EpisodePlace], options: AlignOptions
    ) -> Iterator[tuple[EpisodePlace, EpisodeOutcome]]:
        """Align episodes; yields the outcome of each as it ends."""
        waiting = deque(places)
        with selectors.DefaultSelector() as ready:
            while waiting or self._busy:
                while waiting and self._free:
                    worker = self._free.pop()
                    worker.begin(waiting.popleft(), options)
                    self._busy.append(worker)
                    ready.register(worker.output, selectors.EVENT_READ, worker)
                for key, _ in ready.select():
                    worker = key.data
                    ready.unregister(worker.output)
                    self._busy.remove(worker)
                    yield worker.place, worker.outcome()
                    self._free.append(worker if worker.is_alive else worker.replaced())

    def close(self) -> None:
        """End all workers; an episode under way is continued by the next call."""
        workers = [*self._busy, *self._free]
        for worker in workers:
            worker.ask_to_end()
        for worker in workers:
            worker.wait()


class _Worker:
    """One process."""

    def __init__(self, gpu: str | None) -> None:
        self._gpu = gpu
        self._line = ControlLine()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stream.engines.align_process"],
            stdin=self._line.far_end.fileno(),
            stdout=subprocess.PIPE,
            env=_environment(gpu),
            start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone
        )
        self._line.far_end.close()
        if self._process.stdout is None:
            raise RuntimeError("a worker has no pipe for its output")
        self.output = self._process.stdout

    def begin(self, place: EpisodePlace, options: AlignOptions) -> None:
        """Give it an episode; it answers with one line."""
        self.place = place
        self._line.assign(AlignJob(path=place.path, kind=place.kind, options=options).model_dump_json(), [])

    def outcome(self) -> EpisodeOutcome:
        """The outcome of that episode; a worker that died has one, too."""
        if line := self.output.readline():
            return EpisodeOutcome.model_validate_json(line)
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return EpisodeOutcome(code=ExitCode.INTERNAL, message=f"its process {how}: repeat the command to go on")

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def replaced(self) -> "_Worker":
        """A new worker in its place."""
        self.ask_to_end()
        self.wait()
        return _Worker(self._gpu)

    def ask_to_end(self) -> None:
        """Close its line, which ends it."""
        self._line.close()

    def wait(self) -> None:
        """Wait for its end, and kill it if that does not come."""
        await_exit(self._process, _GRACE_S)
        self.output.close()


def _environment(gpu: str | None) -> dict[str, str]:
    return dict(os.environ) if gpu is None else {**os.environ, "CUDA_VISIBLE_DEVICES": gpu}
