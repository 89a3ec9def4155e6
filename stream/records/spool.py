"""The keyframe spool: JPEGs on disk, named by their time, bounded in bytes."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stream.records.atomic import sync_dir


@dataclass(frozen=True, slots=True)
class Spooled:
    """One keyframe, as the digest of its segment needs it."""

    t_s: float
    sha256: str


class Spool:
    """Keyframes in order of time. When the bound is reached, the oldest go first.

    A keyframe that comes again, because a run goes on where it was, finds itself there.
    """

    def __init__(self, directory: Path, bytes_max: int) -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._bytes_max = bytes_max
        self._sizes = {path: path.stat().st_size for path in sorted(directory.glob("*.jpg"))}
        self._bytes = sum(self._sizes.values())

    def add(self, t_s: float, jpeg: bytes) -> Spooled:
        """Write one keyframe durably, and make room for it first."""
        path = self._directory / f"{round(t_s * 1000):010d}.jpg"
        if self._sizes.get(path) != len(jpeg) and self._make_room(path, len(jpeg)):
            _write(path, jpeg)
            self._bytes += len(jpeg) - self._sizes.get(path, 0)
            self._sizes[path] = len(jpeg)
        return Spooled(t_s, sha256(jpeg).hexdigest())

    def sync(self) -> None:
        """Make the names durable, too."""
        sync_dir(self._directory)

    def _make_room(self, wanted: Path, size: int) -> bool:
        """Drop the oldest until there is room; False if ``wanted`` itself would be the oldest to go."""
        while self._sizes and self._bytes + size > self._bytes_max:
            oldest = min(self._sizes)
            if wanted < oldest:
                return False
            oldest.unlink(missing_ok=True)
            self._bytes -= self._sizes.pop(oldest)
        return True


def _write(path: Path, jpeg: bytes) -> None:
    """Durably the whole file, or, where there is no room for it, none."""
    try:
        with path.open("wb") as file:
            file.write(jpeg)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def digest(frames: list[Spooled]) -> str:
    """Identity of a segment's keyframes: SHA-256 over their own digests, in order of time."""
    return sha256("".join(frame.sha256 for frame in frames).encode()).hexdigest()
