"""The protocol of what an episode's frames come from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from stream.alignment.episodes.coding import PictureCoding
from stream.alignment.items import SourceFrame
from stream.pipeline.items import Float64


class EpisodeSource(Protocol):
    """An episode, open for reading."""

    name: str
    """Names the results, and the draw of noise."""
    path: Path
    """Its file."""
    size_bytes: int
    width_px: int
    height_px: int
    """Size of its pictures."""
    k: Float64 | None
    """(3, 3) camera matrix in pixels, if the episode itself has it."""
    coding: PictureCoding
    """How it stores its pictures."""

    @property
    def frames(self) -> int | None:
        """How many it has; None if only its end tells."""

    def sha256(self) -> str:
        """Of its file's bytes."""

    def frames_from(self, first: int) -> Iterator[SourceFrame]:
        """The frames from number ``first`` on, in order, also those that cannot be read."""

    def close(self) -> None:
        """Release its file."""
