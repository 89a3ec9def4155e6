"""Files that are valid at any time, and the one sentence about a file that is not."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from stream.errors import DamagedError


def replace_file(path: Path, content: bytes) -> None:
    """Replace a whole file durably: a reader sees the old content or the new, never a part of it."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_dir(path.parent)


@contextmanager
def replaced_when_whole(path: Path) -> Iterator[Path]:
    """Yield the path to write a large file to: it replaces ``path``, durably, if the block ends without an error.

    Otherwise nothing of it remains.
    """
    part = path.with_name(path.name + ".part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
        sync_dir(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield the folder to write to: it replaces ``path``, durably, if the block ends without an error.

    A reader sees the old folder, none, or the new one, never a part of one.
    """
    part, old = path.with_name(path.name + ".part"), path.with_name(path.name + ".old.part")
    remove_tree(part)
    part.mkdir()
    try:
        yield part
        for file in part.rglob("*"):
            sync_dir(file)
        sync_dir(part)
        remove_tree(old)
        if path.exists():
            path.replace(old)
        part.replace(path)
        sync_dir(path.parent)
    finally:
        remove_tree(part)
        remove_tree(old)


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; a missing one is no error."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Make the content of a file durable, whichever process writes it; a missing file has none."""
    if path.exists():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def sync_dir(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read ``path``, or a part of it, in this block.

    Raises:
        DamagedError: the content is not what a run writes.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, EOFError) as error:
        raise DamagedError(path, _reason(error)) from error


def _reason(error: Exception) -> str:
    """The validation error on one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return str(error).partition("\n")[0] or type(error).__name__
