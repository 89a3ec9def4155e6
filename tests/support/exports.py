"""Exports of runs: how tests make them, and what they hold."""

from pathlib import Path

from exporters.table import FORMATS
from tests.support.inline import run_here

HEAVY = ("rerun",)
"""Formats whose packages are too large for the tests; ``tests.tools.rerun_reader`` reads them."""
READABLE = tuple(name for name in FORMATS if name not in HEAVY)


def export(formats: str, run: Path, folder: Path, *options: str | Path) -> str:
    """Export a run as its camera recorded it, into ``folder``; returns what is printed."""
    result = run_here("export", formats, run, "--to", folder, "--video", "raw", *options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a data set, by name, without its state."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".export" not in path.parts
    }
