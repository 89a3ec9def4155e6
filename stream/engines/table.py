"""The table of engines: ``local`` runs each row in a process of its own, ``inline`` runs all rows in this one."""

from collections.abc import Callable, Mapping
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
from stream.ui.view import View


class LocalEngine:
    """Runs each process of the chain as a process of this machine, with a supervisor."""

    def patience_s(self, options: Options) -> Mapping[str, float]:
        return {spec.name: spec.patience_s for spec in processes(options)}

    def run(self, chain: ChainRun) -> ExitCode | None:
        return Supervisor(chain).run()


ENGINES: Final[dict[str, Callable[[], Engine]]] = {"local": LocalEngine, "inline": InlineEngine}
"""Engines by their names for ``--engine``."""


def run_prepared(prepared: Prepared, view: View, stop: StopRequest | None = None) -> int:
    """Call ``stream.run.session.run`` with the engine that the run's options name."""
    return session.run(prepared, view, ENGINES[prepared.options.runtime.engine](), stop)
