"""A run directory as it is found: it may have been copied or renamed since."""

from pathlib import Path

from stream.errors import DamagedError
from stream.records.schema.events import RunStarted
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import read_events


def layout_of(directory: Path) -> RunLayout:
    """The layout of the run in a directory: its files have the name that ``run.started`` says.

    Where that is not told, or is no name of a file, it is the directory's own.
    """
    return RunLayout(directory, _stem_told(RunLayout(directory, "").events) or directory.resolve().name)


def _stem_told(path: Path) -> str | None:
    try:
        first = next(read_events(path), None)
    except (OSError, DamagedError):
        return None  # who reads the run says so
    if not isinstance(first, RunStarted) or Path(first.stem).name != first.stem:
        return None
    return first.stem
