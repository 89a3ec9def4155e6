"""Builds the work of one process, and restores it from a checkpoint."""

from stream.config import Options
from stream.records.replay import events_past
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import SavedCheckpoint
from stream.runtime.gpu_budget import allocator_bytes
from stream.runtime.loaded_models import LoadedModels
from stream.runtime.process_spec import ProcessSpec, Work, WorkContext
from stream.sources.live.options import CAMERAS


def build(
    spec: ProcessSpec,
    options: Options,
    layout: RunLayout,
    attempt: int = 0,
    checkpoint: SavedCheckpoint | None = None,
    models: LoadedModels | None = None,
) -> Work:
    """Build the stages of a process, and restore them if there is a ``checkpoint``.

    ``models`` holds what the process has loaded for earlier runs, and holds what is loaded for this one.

    Raises:
        EgocleanError: something that the process needs is missing.
        NoRoomError: the models do not fit into the GPU's memory.
    """
    memory_bytes = allocator_bytes(options, spec)
    work = spec.build(WorkContext(options, layout, attempt, checkpoint, memory_bytes, models or LoadedModels()))
    if checkpoint is not None:
        work.stage.restore(checkpoint.states)
        if options.live.kind in CAMERAS:
            work.stage.catch_up(events_past(layout, checkpoint))
    return work
