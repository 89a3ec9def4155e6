"""The keyframes of the segments that are still open: their files are in the keyframe cache, their digests here."""

from dataclasses import dataclass
from hashlib import sha256

from stream.pipeline.items import Keyframe
from stream.pipeline.state import State, take
from stream.records.store.keyframes import KeyframeCache, digest, in_ms


@dataclass(frozen=True, slots=True)
class _Entry:
    """The properties of a keyframe that its segment's event needs."""

    time_ms: int
    """Its name in the keyframe cache."""
    sha256: str
    size: tuple[int, int]
    """Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class SegmentKeyframes:
    """The keyframes of a closed segment, as its event describes them."""

    count: int
    width_px: int
    """0, as the height, if they are of several sizes."""
    height_px: int
    digest: str


class OpenKeyframes:
    """Takes each keyframe as it comes, and gives each closed segment its own."""

    def __init__(self, cache: KeyframeCache) -> None:
        self._cache = cache
        self._entries: list[_Entry] = []
        """In order of time."""

    def add(self, keyframe: Keyframe) -> None:
        """Write a keyframe to the keyframe cache; where there is no room for it, only its digest is kept."""
        self._cache.add(keyframe.t_s, keyframe.jpeg)
        size = keyframe.width, keyframe.height
        self._entries.append(_Entry(in_ms(keyframe.t_s), sha256(keyframe.jpeg).hexdigest(), size))

    def close_segment(self, t_end_s: float) -> SegmentKeyframes:
        """The keyframes of the segment that ends at ``t_end_s``: all since the previous segment."""
        inside = [entry for entry in self._entries if entry.time_ms < in_ms(t_end_s)]
        self._entries = self._entries[len(inside) :]
        sizes = {entry.size for entry in inside}
        width_px, height_px = sizes.pop() if len(sizes) == 1 else (0, 0)
        return SegmentKeyframes(len(inside), width_px, height_px, digest(entry.sha256 for entry in inside))

    def forget_before(self, t_s: float) -> None:
        """Forget keyframes whose segments are closed already."""
        self._entries = [entry for entry in self._entries if entry.time_ms >= in_ms(t_s)]

    def snapshot(self) -> State:
        return {"entries": [[entry.time_ms, entry.sha256, list(entry.size)] for entry in self._entries]}

    def restore(self, state: State) -> None:
        entries = take(state, "entries", list)
        self._entries = [_Entry(time_ms, sha256, (size[0], size[1])) for time_ms, sha256, size in entries]
        self._cache.keep_named(entry.time_ms for entry in self._entries)
