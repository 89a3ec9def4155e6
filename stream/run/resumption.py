"""Whether an interrupted run can be resumed, and from which saved state."""

from pathlib import Path

from stream.errors import DamagedError
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import cut_back, rows_in
from stream.records.store.checkpoint import newest_checkpoint, read_checkpoint, remove_checkpoints
from stream.run.prepare import Prepared
from stream.sources.source import Source


def can_resume(prepared: Prepared, layout: RunLayout) -> bool:
    """Whether a run can be resumed: not of standard input or with ``--loop``; of a camera only from a checkpoint."""
    source = prepared.source
    if not source.plays_again:
        return source.is_camera and newest_checkpoint(layout) is not None
    return not prepared.options.input.loop


def reached_s(layout: RunLayout) -> float:
    """Stream time of the newest checkpoint, in seconds; 0 without one."""
    state = newest_checkpoint(layout)
    return read_checkpoint(state).t_s if state else 0.0


def state_to_continue(source: Source, layout: RunLayout) -> Path | None:
    """The saved state to continue from; None to begin at the clip's start, also if windows that it counts are missing.

    A camera does not repeat the windows after the state, so their rows are cut off.

    Raises:
        DamagedError: windows of a camera are missing, and it cannot be played again.
    """
    state = newest_checkpoint(layout)
    if state is None:
        return None
    checkpoint, arrays = read_checkpoint(state), layout.arrays
    windows = checkpoint.totals.windows
    rows = cut_back(arrays, windows, checkpoint.totals.row_shapes) if source.is_camera else rows_in(arrays)
    if rows >= windows:
        return state
    if source.is_camera:
        raise DamagedError(layout.root, f"its arrays hold {rows} of {windows} windows")
    remove_checkpoints(layout)
    return None
