"""The keyframe cache: JPEGs on disk, named by their time in milliseconds, bounded in bytes.

A keyframe belongs to the segment that contains its millisecond, so file names alone say which segment it is of.
"""

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from stream.records.store.atomic import sync_dir


def in_ms(t_s: float) -> int:
    """Stream time in whole milliseconds: the name of a keyframe, or the edge of a segment."""
    return round(t_s * 1000)


def keyframes_within(directory: Path, t_start_s: float, t_end_s: float) -> list[Path]:
    """The existing files of a segment's keyframes, in order of time."""
    names = range(in_ms(t_start_s), in_ms(t_end_s))
    return sorted(path for path in directory.glob("*.jpg") if int(path.stem) in names)


class KeyframeCache:
    """Keeps keyframes until they are released or dropped; to make room it removes released ones, the oldest first.

    A keyframe that is added again, because a run was resumed, is found and not written twice.
    """

    def __init__(self, directory: Path, bytes_max: int) -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._bytes_max = bytes_max
        self._kept: dict[int, int] = {}
        """Size in bytes by name; the same for the released ones."""
        self._released = {int(path.stem): path.stat().st_size for path in directory.glob("*.jpg")}

    def add(self, t_s: float, jpeg: bytes) -> bool:
        """Write one keyframe durably and keep it; False if the kept ones leave no room for it."""
        name, size = in_ms(t_s), len(jpeg)
        before = self._released.pop(name, None) or self._kept.pop(name, None)
        if not self.fits(size):
            self._path(name).unlink(missing_ok=True)
            return False
        if before != size:
            self._make_room(size)
            _write(self._path(name), jpeg)
        self._kept[name] = size
        return True

    @property
    def size_bytes(self) -> int:
        """Bytes of all keyframes on disk."""
        return sum(self._kept.values()) + sum(self._released.values())

    def fits(self, size: int) -> bool:
        """Whether the kept keyframes leave room for so many bytes."""
        return sum(self._kept.values()) + size <= self._bytes_max

    def count(self, t_start_s: float, t_end_s: float) -> int:
        """Number of a segment's keyframes on disk."""
        return len(self.names_ms(t_start_s, t_end_s))

    def names_ms(self, t_start_s: float, t_end_s: float) -> list[int]:
        """Times of a segment's keyframes on disk, in order, milliseconds."""
        names = range(in_ms(t_start_s), in_ms(t_end_s))
        return sorted(name for held in (self._kept, self._released) for name in held if name in names)

    def keep(self, t_start_s: float, t_end_s: float) -> None:
        """Keep a segment's keyframes from now on."""
        self._move(self._released, self._kept, t_start_s, t_end_s)

    def keep_named(self, names_ms: Iterable[int]) -> None:
        """Keep those of these keyframes that are on disk."""
        self._kept |= {name: self._released.pop(name) for name in names_ms if name in self._released}

    def release(self, t_start_s: float, t_end_s: float) -> None:
        """Allow a segment's keyframes to be removed when room is needed."""
        self._move(self._kept, self._released, t_start_s, t_end_s)

    def drop(self, t_start_s: float, t_end_s: float) -> None:
        """Remove a segment's keyframes, which are not needed again."""
        self.release(t_start_s, t_end_s)
        names = range(in_ms(t_start_s), in_ms(t_end_s))
        for name in [name for name in self._released if name in names]:
            self._remove(name)

    def sync(self) -> None:
        """Make the file names durable as well."""
        sync_dir(self._directory)

    def _make_room(self, size: int) -> None:
        while self._released and sum(self._released.values()) + sum(self._kept.values()) + size > self._bytes_max:
            self._remove(min(self._released))

    def _remove(self, name: int) -> None:
        self._path(name).unlink(missing_ok=True)
        del self._released[name]

    def _move(self, source: dict[int, int], target: dict[int, int], t_start_s: float, t_end_s: float) -> None:
        names = range(in_ms(t_start_s), in_ms(t_end_s))
        for name in [name for name in source if name in names]:
            target[name] = source.pop(name)

    def _path(self, name: int) -> Path:
        return self._directory / f"{name:010d}.jpg"


def _write(path: Path, jpeg: bytes) -> None:
    """Write the whole file durably, or none of it if there is no room."""
    try:
        with path.open("wb") as file:
            file.write(jpeg)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def digest(hashes: Iterable[str]) -> str:
    """Identity of a segment's keyframes: SHA-256 over their SHA-256, hexadecimal, in order of time."""
    return sha256("".join(hashes).encode()).hexdigest()
