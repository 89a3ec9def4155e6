"""The keyframe spool: JPEGs on disk, named by their time, bounded in bytes."""

import os
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stream.records.atomic import sync_dir


@dataclass(frozen=True, slots=True)
class Spooled:
    """One keyframe on disk."""

    t_s: float
    path: Path
    size_bytes: int
    sha256: str


class Spool:
    """Keyframes in order of time. When the bound is reached, the oldest go first."""

    def __init__(self, directory: Path, bytes_max: int) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: deque[Spooled] = deque()
        directory.mkdir(exist_ok=True)

    def add(self, t_s: float, jpeg: bytes) -> Spooled:
        """Write one keyframe durably, and make room for it first."""
        self._make_room(len(jpeg))
        path = self._directory / f"{round(t_s * 1000):010d}.jpg"
        with path.open("wb") as file:
            file.write(jpeg)
            file.flush()
            os.fsync(file.fileno())
        frame = Spooled(t_s, path, len(jpeg), sha256(jpeg).hexdigest())
        self._kept.append(frame)
        self._bytes += len(jpeg)
        return frame

    def sync(self) -> None:
        """Make the names durable, too."""
        sync_dir(self._directory)

    def _make_room(self, wanted: int) -> None:
        while self._kept and self._bytes + wanted > self._bytes_max:
            oldest = self._kept.popleft()
            oldest.path.unlink(missing_ok=True)
            self._bytes -= oldest.size_bytes


def digest(frames: list[Spooled]) -> str:
    """Identity of a segment's keyframes: SHA-256 over their own digests, in order of time."""
    return sha256("".join(frame.sha256 for frame in frames).encode()).hexdigest()
