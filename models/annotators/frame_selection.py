"""Which frames of a segment a model is shown, where it cannot be shown them all, or knows no time but an even one."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

OFF_SHARE_MAX: Final = 0.1
"""Of an even grid's step, by which a frame may miss its time: so little that the pace that is seen is the true one."""
OFF_S_MAX: Final = 0.05
"""A frame may miss it so far in any case: half of what an answer's times can say, a tenth of what Qwen2.5-VL can
tell apart. A camera of 24 frames a second that is looked at ten times a second is as far off."""
_REASONABLE_SHARE: Final = 1 / 3
_REASONABLE_FRAMES: Final = 4
_THIN_TO: Final = 4
"""Times ``most``: of so many frames there is an even choice as good as of all."""
_STRIDE_MAX: Final = 256


def spread_choice(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` frames, the first and the last among them; for a model that reads each time."""
    chosen: list[int] = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    return chosen


def even_choice(times_s: Sequence[float], most: int) -> list[int]:
    """At most ``most`` frames at even times; for a model that knows one step of time for all.

    Where frames are missing a wider step may lead over the gap, and else one side of it has to do: of all choices with
    a reasonable number of frames it is the one from which those that are left out lie least far (by their squared
    distance in time); where none has as many, the one with the most frames.
    """
    frames = np.asarray(times_s)
    wanted = min(len(frames), most, max(_REASONABLE_FRAMES, int(min(len(frames), most) * _REASONABLE_SHARE)))

    def worth(choice: list[int]) -> tuple[int, float]:
        off_s = np.abs(frames[:, None] - frames[choice][None]).min(axis=1)
        return min(len(choice), wanted), -float(np.square(off_s).sum())

    chains = _chains(times_s, range(0, len(times_s), -(-len(times_s) // (_THIN_TO * most))))
    return max((part for chain in chains for part in _even_parts(times_s, _middle(chain, most))), key=worth)


def is_even(times_s: Sequence[float]) -> bool:
    """Whether each time is, but for what is allowed, that of the even grid from the first to the last."""
    if len(times_s) <= 2:
        return True
    grid, step_s = np.linspace(times_s[0], times_s[-1], len(times_s), retstep=True)
    return bool(np.abs(times_s - grid).max() <= max(OFF_SHARE_MAX * step_s, OFF_S_MAX))


def _chains(times_s: Sequence[float], indices: Sequence[int]) -> Iterator[list[int]]:
    """Frames that follow each other at the same number of slots, each chain as long as it gets."""
    slots = _slots([times_s[index] for index in indices])
    at = dict(zip(slots, indices, strict=True))
    for stride in range(1, min(slots[-1], _STRIDE_MAX) + 1):
        for first in slots:
            if first - stride not in at:
                last = next(slot for slot in range(first, slots[-1] + stride + 1, stride) if slot not in at)
                yield [at[slot] for slot in range(first, last, stride)]
    yield [indices[0]]


def _slots(times_s: Sequence[float]) -> list[int]:
    """The frames' places on the clock that they were taken by; where frames are missing, places are left out."""
    steps_s = np.diff(times_s)
    if not len(steps_s):
        return [0]
    usual_s = float(steps_s[steps_s <= 1.5 * np.median(steps_s)].mean())
    places = np.maximum(1, np.rint(steps_s / usual_s)) if usual_s > 0 else np.ones(len(steps_s))
    return [0, *np.cumsum(places).astype(int).tolist()]


def _middle(chain: list[int], most: int) -> list[int]:
    begin = max(0, len(chain) - most) // 2
    return chain[begin : begin + most]


def _even_parts(times_s: Sequence[float], chain: list[int]) -> Iterator[list[int]]:
    """The chain, or its even parts."""
    if is_even([times_s[index] for index in chain]):
        yield chain
        return
    half = len(chain) // 2
    yield from _even_parts(times_s, chain[:half])
    yield from _even_parts(times_s, chain[half:])
