"""The rolling window: rectified tiles in, one embedding every stride out."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from models.encoder import ClipEncoder
from stream.items import Embedding, Item, Tile
from stream.packing import take
from stream.stage import State

RATE_FPS = 30.0
"""Frames a second within a window: with 64 frames the ``64@30`` of the published detection, 2.13 s."""

HOLE_S = 1.0
"""A window with a longer stretch without frames would show a frozen picture: it is not encoded."""


class Window:
    """Keeps the tiles of the current window, and picks its frames by their own times.

    Window ``k`` begins with the frame nearest to ``k * stride_s`` and takes the frames nearest to that frame's
    time plus 0, 1, 2, ... periods of ``RATE_FPS``: every frame of a 30 fps or 29.97 fps source, every second one
    of 60 fps, some twice at 25 fps.
    """

    def __init__(self, encoder: ClipEncoder, stride_s: float) -> None:
        self._encoder = encoder
        self._stride_s = stride_s
        self._span_s = (encoder.frames - 1) / RATE_FPS
        self._tiles: deque[Tile] = deque()
        self._next = 0
        """The next window to encode, in strides."""
        self._encoded = 0

    def on_item(self, item: Item) -> Iterator[Item]:
        if not isinstance(item, Tile):
            yield item
            return
        self._tiles.append(item)
        while self._complete():
            embedding = self._encode()
            self._next += 1
            self._forget()
            if embedding is not None:
                yield embedding

    def on_end(self) -> Iterator[Item]:
        """A window that is not full is not encoded: its embedding would mean something else."""
        self._tiles.clear()
        return iter(())

    def snapshot(self) -> State:
        """``replay_from_s`` is the first tile that is held: a window may begin with the one before its own start."""
        replay_from_s = self._tiles[0].t_s if self._tiles else None
        return {"next": self._next, "encoded": self._encoded, "replay_from_s": replay_from_s}

    def restore(self, state: State) -> None:
        self._next, self._encoded = take(state, "next", int), take(state, "encoded", int)
        self._tiles.clear()

    def _complete(self) -> bool:
        """Whether the frame nearest to the window's last time is known."""
        if not self._tiles or self._tiles[-1].t_s < self._next * self._stride_s + self._span_s - 1 / RATE_FPS:
            return False
        return self._tiles[-1].t_s >= self._times()[-1] - 1e-6

    def _times(self) -> list[float]:
        start_s = self._next * self._stride_s
        first_s = min((tile.t_s for tile in self._tiles), key=lambda t_s: abs(t_s - start_s))
        return [first_s + k / RATE_FPS for k in range(self._encoder.frames)]

    def _encode(self) -> Embedding | None:
        picked = self._nearest(self._times())
        if self._broken(picked):
            return None
        made = self._encoder.encode(np.stack([tile.rgb for tile in picked]))
        end_s = picked[-1].t_s + picked[-1].duration_s
        self._encoded += 1
        return Embedding(self._encoded - 1, picked[0].t_s, end_s, made.mean, made.temporal)

    def _broken(self, picked: list[Tile]) -> bool:
        """Frames are missing where the window should begin, or a long stretch within it."""
        late_s = abs(picked[0].t_s - self._next * self._stride_s)
        return late_s >= self._stride_s / 2 or max(np.diff([tile.t_s for tile in picked])) > HOLE_S

    def _nearest(self, times: list[float]) -> list[Tile]:
        tiles, at, picked = list(self._tiles), 0, []
        for t_s in times:
            while at + 1 < len(tiles) and abs(tiles[at + 1].t_s - t_s) < abs(tiles[at].t_s - t_s):
                at += 1
            picked.append(tiles[at])
        return picked

    def _forget(self) -> None:
        """Drop tiles that no later window can begin with: all but one before the next start."""
        start_s = self._next * self._stride_s
        while len(self._tiles) > 1 and self._tiles[1].t_s <= start_s:
            self._tiles.popleft()
