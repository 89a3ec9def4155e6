"""The type of a row in the table of processes, and of the work of a process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from models.memory import vram
from stream.config import Options
from stream.pipeline.source import PacketSource
from stream.pipeline.stage import Stage, StageFacts
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import SavedCheckpoint
from stream.runtime.loaded_models import LoadedModels


@dataclass(frozen=True, slots=True)
class WorkContext:
    """The arguments for building the stages of a process."""

    options: Options
    layout: RunLayout
    attempt: int
    """Number of the attempt; stages of an older one may not write any more."""
    checkpoint: SavedCheckpoint | None
    """The checkpoint from which the run is resumed; None: it starts at the beginning."""
    memory_bytes: int | None
    """GPU memory for the process's allocator; None: no limit."""
    models: LoadedModels
    """What the process has loaded for earlier runs."""


@dataclass(frozen=True, slots=True)
class Work:
    """The stages of a process, and for the first process its packet source."""

    stage: Stage
    source: PacketSource | None = None
    load_s: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    """Seconds in which models were loaded, as ``encoder_load_s``; 0 if they were loaded for an earlier run. A service
    that is restarted loads again."""

    def facts(self) -> StageFacts:
        """Facts about the work for ``run.json``, as far as they are known."""
        own: StageFacts = {"gpu": {**vram.facts()}, "loading": {name: load_s() for name, load_s in self.load_s.items()}}
        return {**self.stage.facts(), **(self.source.facts() if self.source else {}), **own}


@dataclass(frozen=True, slots=True)
class Requests:
    """Limits of the requests and answers of a process, whose client is the previous process in the chain."""

    open_max: int
    """Maximum number of unanswered requests."""
    request_bytes_max: int
    answer_bytes_max: int


def _always(_: Options) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of the chain. Only ``name`` and ``build`` have no default."""

    name: str
    build: Callable[[WorkContext], Work]
    """Builds the stages; it imports them itself, since only this process needs them."""
    is_in: Callable[[Options], bool] = _always
    """Whether a run with these options has the process."""
    restarts_alone: bool = False
    """Whether it is restarted alone if it dies; otherwise the whole chain is restarted from the last checkpoint."""
    drains: bool = True
    """Whether a run that is being stopped waits for it."""
    requests: Requests | None = None
    """Set if it answers the previous process; None: items pass through it."""
    patience_s: float = 0.0
    """Maximum time for one piece of work before the run counts as stalled, if longer than for others."""
    waits_s: Callable[[Options], float] = lambda _: 0.0
    """Additional silence, compared with the others, before it counts as hung."""
    threads: int | None = 1
    """Threads of numerical libraries; None: one for each core."""
    mmap_threshold_bytes: int | None = None
    """Freed buffers of at least this size are returned to the system at once; None: the C library decides."""
    cpus: float = 1.0
    """Cores that it keeps busy, for placing chains on machines."""
    gpu_need: Callable[[Options], vram.Need | None] = lambda _: None
    """Its need of GPU memory; None: it uses no GPU."""
    limits_allocator: Callable[[Options], bool] = _always
    """Whether torch's allocator is limited to the process's share of the GPU memory."""
