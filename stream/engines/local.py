"""The local engine: each process of the chain is one on this machine, and a supervisor watches over them."""

from collections.abc import Mapping

from stream.config import Options
from stream.errors import ExitCode
from stream.runtime.chain_run import ChainRun
from stream.runtime.processes import processes
from stream.runtime.supervisor import Supervisor


class LocalEngine:
    """An ``Engine`` of processes."""

    def patience_s(self, options: Options) -> Mapping[str, float]:
        return {spec.name: spec.patience_s for spec in processes(options)}

    def run(self, chain: ChainRun) -> ExitCode | None:
        return Supervisor(chain).run()
