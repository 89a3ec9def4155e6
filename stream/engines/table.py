"""The table of engines: ``local`` runs each row in a process of its own, ``inline`` runs all rows in this one."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Final

from stream.config import Options
from stream.engines.inline import InlineEngine
from stream.errors import ExitCode
from stream.run import session
from stream.run.prepare import Prepared
from stream.runtime.chain_run import ChainRun, Engine
from stream.runtime.processes import processes
from stream.runtime.signals import StopRequest
from stream.runtime.supervisor import Supervisor
from stream.runtime.worker_pool import WorkerPool
from stream.ui.view import View


class LocalEngine:
    """Runs each process of the chain as a process of this machine, with a supervisor."""

    def __init__(self) -> None:
        self._pool = WorkerPool()

    def patience_s(self, options: Options) -> Mapping[str, float]:
        return {spec.name: spec.patience_s for spec in processes(options)}

    def run(self, chain: ChainRun) -> ExitCode | None:
        return Supervisor(chain, self._pool).run()

    def close(self) -> None:
        self._pool.close()


ENGINES: Final[dict[str, Callable[[], Engine]]] = {"local": LocalEngine, "inline": InlineEngine}
"""Engines by their names for ``--engine``."""


def run_prepared(prepared: Prepared, view: View, stop: StopRequest | None = None, engine: Engine | None = None) -> int:
    """Call ``stream.run.session.run`` with an engine, by default a new one of the kind that the run's options name."""
    if engine is not None:
        return session.run(prepared, view, engine, stop)
    with closing(ENGINES[prepared.options.runtime.engine]()) as own:
        return session.run(prepared, view, own, stop)
