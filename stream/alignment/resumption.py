"""Where a call goes on that finds frames in the spool."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from stream.records.schema.alignment import AlignedFrameRecord


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """The frame to begin with; those that are spooled already are made once more, for the later ones' sake."""

    frame: int = 0
    depth_scale: float = 1.0
    """By which its depth is multiplied."""


def starting_point(spooled: Iterable[AlignedFrameRecord], frames_before: int, batch_size: int) -> StartingPoint:
    """The last frame from which the next one gets the same result as from the first.

    It is the first of a batch, has depth, and enough frames that are aligned follow it: those may lend pixels to the
    next one, and the first of them carries the scale of the depth.

    Args:
        spooled: The frames so far, in order.
        frames_before: How many aligned frames before one may lend to it.
        batch_size: Of the depth model.
    """
    needed = max(1, frames_before)
    candidates: deque[tuple[int, StartingPoint]] = deque([(-needed, StartingPoint())])
    aligned = 0
    for frame in spooled:
        if frame.status == "failed":
            continue
        if frame.index % batch_size == 0:
            candidates.append((aligned, StartingPoint(frame.index, frame.depth_scale or 1.0)))
        aligned += 1
        while len(candidates) > 1 and candidates[1][0] + needed <= aligned:
            candidates.popleft()
    return candidates[0][1]
