"""Folders of run directories."""

import os
from pathlib import Path
from stat import S_ISREG

from stream.errors import InputError
from stream.records.schema.layout import RunLayout


def runs_in(place: Path) -> list[Path]:
    """The run directory at ``place``, otherwise those in it, the one that was written last at the end.

    A run that has no event yet, but a ``health.json``, is one: whoever follows it waits for its events.
    """
    if _written_at_ns(place):
        return [place]
    dated = sorted((written, path) for path in place.glob("*") if (written := _written_at_ns(path)))
    return [path for _, path in dated]


def begun_runs(place: Path) -> list[Path]:
    """The same as ``runs_in`` by name, without the runs that have no event yet."""
    return sorted(path for path in runs_in(place) if RunLayout(path, "").events.is_file())


def run_folders(folder: Path) -> list[Path]:
    """The same as ``begun_runs``, for who wants at least one.

    Raises:
        InputError: there is none.
    """
    if not folder.is_dir():
        what = "is no folder" if os.path.lexists(folder) else "does not exist"
        raise InputError(f"{folder} {what}: name a run directory, or a folder of them")
    found = begun_runs(folder)
    if not found:
        raise InputError(f"{folder} is not a run directory and contains none: there is no events.jsonl")
    return found


def refuse_folder(place: Path) -> None:
    """Refuse a folder of runs where one run is wanted.

    Raises:
        InputError: it is one; the message names its newest run.
    """
    if (found := runs_in(place)) and found != [place]:
        holds = "a run" if len(found) == 1 else f"{len(found)} runs"
        raise InputError(f"{place} is a folder that holds {holds}: name one, such as {found[-1]}")


def _written_at_ns(folder: Path) -> int:
    """When a run wrote to its directory for the last time; 0 if this is none."""
    layout = RunLayout(folder, "")
    written = 0
    for path in (layout.events, layout.health):
        try:
            found = path.stat()
        except OSError:
            continue
        if S_ISREG(found.st_mode):
            written = max(written, found.st_mtime_ns)
    return written
