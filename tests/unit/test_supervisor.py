"""The supervisor with processes that only pretend to be: who is waited for, and who is restarted."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from stream.config import Options
from stream.runtime.chain_run import ChainRun
from stream.runtime.heartbeat import ChainStatus
from stream.runtime.process_spec import ProcessSpec
from stream.runtime.processes import ANNOTATE, RECORD
from stream.runtime.supervisor import Supervisor
from stream.runtime.worker_pool import WorkerPool

_POLLS_MAX = 500


class FakeProcess:
    """A process of which a test knows when it ends, and how."""

    end_fd = None
    was_killed = True

    def __init__(self, spec: ProcessSpec, config: object, ends: Callable[[], bool], fails: Callable[[], bool]) -> None:
        self.spec, self.name, self.config = spec, spec.name, config
        self._ends, self._fails = ends, fails
        self._polls = 0

    @property
    def has_failed(self) -> bool:
        return self._fails()

    @property
    def has_ended(self) -> bool:
        self._polls += 1
        assert self._polls < _POLLS_MAX, f"{self.name} is waited for, and never ends"
        return self._ends() or self._fails()

    def failure(self, _: object) -> tuple[str, int]:
        return f"the {self.name} process was killed by SIGKILL", 70


class FakePool(WorkerPool):
    """Gives processes that have ended at once, but for those that a test makes."""

    def __init__(
        self, make: Callable[[ProcessSpec, int], tuple[Callable[[], bool], Callable[[], bool]] | None]
    ) -> None:
        super().__init__()
        self.given: list[str] = []
        self._make = make

    def assign(self, spec: ProcessSpec, config: object, log: Path, lock_fd: int) -> Any:  # noqa: ANN401 - a fake
        del log, lock_fd
        ends, fails = self._make(spec, self.given.count(spec.name)) or (lambda: True, lambda: False)
        self.given.append(spec.name)
        return FakeProcess(spec, config, ends, fails)

    def take_back(self, worker: object) -> None:
        del worker


def supervise(pool: FakePool, folder: Path) -> None:
    """Run a chain with an annotator to its end."""
    observer = SimpleNamespace(
        status=ChainStatus(), begin=lambda *_: None, show=lambda _: None, on_heartbeat=lambda _: None,
        monitor=SimpleNamespace(does_without=lambda _: None),
    )  # fmt: skip
    chain = SimpleNamespace(
        options=Options(source="clip.mp4").replace({"annotator.name": "openai"}), observer=observer,
        stop=SimpleNamespace(signals=0, at_once=False, code=None), checkpoint=lambda: None,
        layout=SimpleNamespace(logs=folder, root=folder), attempt=1, state=None, lock_fd=0,
    )  # fmt: skip
    Supervisor(cast("ChainRun", chain), pool).run()


def test_a_worker_that_dies_after_its_client_is_not_restarted(tmp_path: Path) -> None:
    """Its client has ended, so it had given all answers."""
    pool = FakePool(lambda spec, _: (lambda: False, lambda: True) if spec == ANNOTATE else None)
    supervise(pool, tmp_path)
    assert pool.given.count(ANNOTATE.name) == 1


def test_a_worker_that_is_restarted_too_late_is_not_waited_for(tmp_path: Path) -> None:
    """The client had its last answer before the worker died, and ends while it is restarted."""
    polls = iter([False] * 3)  # of the client; then it has ended

    def make(spec: ProcessSpec, number: int) -> tuple[Callable[[], bool], Callable[[], bool]] | None:
        if spec == RECORD:
            return (lambda: next(polls, True)), (lambda: False)
        return ((lambda: False), (lambda: number == 0)) if spec == ANNOTATE else None

    pool = FakePool(make)
    supervise(pool, tmp_path)
    assert pool.given.count(ANNOTATE.name) == 2
