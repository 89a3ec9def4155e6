"""What a row of the table of processes says about one process of the chain."""

from collections.abc import Callable
from dataclasses import dataclass

from models.memory import vram
from stream.config import Options
from stream.pipeline.source import PacketSource
from stream.pipeline.stage import Facts, Stage
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import SavedCheckpoint


@dataclass(frozen=True, slots=True)
class WorkContext:
    """What the stages of a process are built from."""

    options: Options
    layout: RunLayout
    attempt: int
    """At the run: stages of an older one may not write any more."""
    checkpoint: SavedCheckpoint | None
    """The state from which the run continues; None: from the start of the source."""
    memory_bytes: int | None
    """Of the GPU, for the process's allocator; None: no limit."""


@dataclass(frozen=True, slots=True)
class Work:
    """The stages of a process, and for the first process what feeds them."""

    stage: Stage
    source: PacketSource | None = None

    def facts(self) -> Facts:
        """What is known about the work so far, for ``run.json``."""
        return {**self.stage.facts(), **(self.source.facts() if self.source else {}), "gpu": {**vram.facts()}}


@dataclass(frozen=True, slots=True)
class Requests:
    """How a process is asked and answers: its client is the process before it in the chain."""

    open_max: int
    """Requests that may be unanswered at once."""
    request_bytes_max: int
    answer_bytes_max: int


def _always(_: Options) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of the chain. Only ``name`` and ``build`` must be given."""

    name: str
    build: Callable[[WorkContext], Work]
    """Imports the stages: they are needed in this process alone."""
    is_in: Callable[[Options], bool] = _always
    """Whether a run with these options has the process."""
    restarts_alone: bool = False
    """If it dies it is started again while the others run on; else the whole chain is restarted from the last state."""
    drains: bool = True
    """Whether a run that is stopped waits for it."""
    requests: Requests | None = None
    """Of a process that answers the one before it; None: items go through it."""
    patience_s: float = 0.0
    """How long one piece of its work may take before the run counts as stalled, if that is longer than for others."""
    waits_s: Callable[[Options], float] = lambda _: 0.0
    """How much longer than the others it may be silent before it counts as hung."""
    threads: int | None = 1
    """Of numerical libraries; None: one for each core."""
    mmap_threshold_bytes: int | None = None
    """Buffers from this size on are given back to the system as soon as they are free; None: the C library decides."""
    cpus: float = 1.0
    """Cores that it keeps busy, for whoever places chains on machines."""
    gpu_need: Callable[[Options], vram.Need | None] = lambda _: None
    """What it takes of the GPU's memory; None: nothing."""
    limits_allocator: Callable[[Options], bool] = _always
    """Whether torch's allocator is to be limited to the process's share of the GPU's memory."""
