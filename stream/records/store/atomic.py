"""Files that are valid at every instant."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file durably: a reader sees the old content or the new, never a part."""
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
    """The name to write a large file under: it takes the place of ``path``, durably, if the block ends well.

    Otherwise nothing of it is left.
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


def sync_file(path: Path) -> None:
    """Make the content of a file durable, whoever writes it; one that is not there has none."""
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
