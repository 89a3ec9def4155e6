"""The stage that fills the holes of every frame."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from stream.alignment.fill.frames import FilledFrame, Origin, WarpedFrame
from stream.alignment.fill.hole_fill import HoleFill
from stream.alignment.items import AlignedFrame, TargetFrame
from stream.pipeline.items import Item
from stream.pipeline.stage import Stage


class FillHoles(Stage):
    """Fills holes from the frames around; frames that have failed keep their place, all black."""

    name: ClassVar[str] = "fill"

    def __init__(self, fill: HoleFill, size_px: tuple[int, int]) -> None:
        """``size_px`` is width and height of the target's pictures."""
        self._fill = fill
        self._size_px = size_px
        self._waiting: deque[TargetFrame] = deque()

    def on_item(self, item: Item) -> Iterator[Item]:
        if not isinstance(item, TargetFrame):
            yield item
            return
        self._waiting.append(item)
        source, warped = item.before.source, item.warped
        if warped is not None and source.picture is not None and item.before.depth is not None:
            frame = WarpedFrame(
                source.index, source.picture, item.before.depth, warped, source.is_protected, source.world_from_source
            )
            yield from self._finished(self._fill.push(frame))
        yield from self._failed()

    def on_end(self) -> Iterator[Item]:
        yield from self._finished(self._fill.flush())
        yield from self._failed()

    def _finished(self, filled: Iterable[FilledFrame]) -> Iterator[AlignedFrame]:
        for each in filled:
            yield from self._failed()
            yield AlignedFrame(self._waiting.popleft(), each.picture, each.origin, each.borrowed_from)

    def _failed(self) -> Iterator[AlignedFrame]:
        """The frames at the head of the queue that have failed."""
        width, height = self._size_px
        while self._waiting and self._waiting[0].warped is None:
            black = np.zeros((height, width, 3), np.uint8)
            nothing = np.full((height, width), Origin.GENERATED, np.uint8)
            yield AlignedFrame(self._waiting.popleft(), black, nothing)
