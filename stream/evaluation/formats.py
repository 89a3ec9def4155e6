"""What may stand on either side of an evaluation, and how it is recognised."""

from collections.abc import Callable
from pathlib import Path

from stream.errors import InputError, UsageError
from stream.evaluation.listed import read_json
from stream.evaluation.runs import holds_run, read_run, read_runs
from stream.evaluation.tabular import read_csv
from stream.evaluation.track import Track
from stream.evaluation.transcript import read_transcript

FORMATS: dict[str, Callable[[Path], list[Track]]] = {
    ".json": read_json,
    ".csv": read_csv,
    ".txt": read_transcript,
}
"""Readers of files by suffix. Directories are told apart by whether they hold ``events.jsonl``."""


def read_tracks(path: Path) -> list[Track]:
    """All clips that a file or directory tells of.

    Raises:
        InputError: if it is missing or not what its name promises.
        UsageError: if nothing reads such a file.
    """
    if path.is_dir():
        return read_run(path) if holds_run(path) else read_runs(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is no run directory, and its name ends in none of {', '.join(FORMATS)}")
    return reader(path)
