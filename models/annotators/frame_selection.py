"""Selects the frames of a segment for a model that takes only so many, or only evenly spaced ones."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

OFF_SHARE_MAX: Final = 0.1
"""Tolerance of a frame's time as a share of the grid's step: too small for the model to see a wrong pace."""
OFF_S_MAX: Final = 0.05
"""Tolerance of a frame's time in any case: half of the resolution of an answer's times, a tenth of that of Qwen2.5-VL.
Frames of a 24 fps camera that are sampled at 10 fps deviate as much."""
_REASONABLE_SHARE: Final = 1 / 3
_REASONABLE_FRAMES: Final = 4
_THIN_TO: Final = 4
"""Factor of ``most``: a choice from that many frames is as even as one from all."""
_STRIDE_MAX: Final = 256


def spread_choice(count: int, most: int) -> list[int]:
    """Choose at most ``most`` of ``count`` frames, the first and the last among them, for a model that reads times."""
    chosen: list[int] = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    return chosen


def even_choice(times_s: Sequence[float], most: int) -> list[int]:
    """Choose at most ``most`` evenly spaced frames, for a model that assumes one time step.

    Where frames are missing, the choice has a wider step that spans the gap, or covers one side of it. Of all choices
    with a reasonable number of frames it is the one to which the frames left out are closest (by squared distance in
    time); if no choice has that many, it is the one with the most frames.
    """
    frames = np.asarray(times_s)
    wanted = min(len(frames), most, max(_REASONABLE_FRAMES, int(min(len(frames), most) * _REASONABLE_SHARE)))

    def worth(choice: list[int]) -> tuple[int, float]:
        off_s = np.abs(frames[:, None] - frames[choice][None]).min(axis=1)
        return min(len(choice), wanted), -float(np.square(off_s).sum())

    chains = _chains(times_s, range(0, len(times_s), -(-len(times_s) // (_THIN_TO * most))))
    return max((part for chain in chains for part in _even_parts(times_s, _middle(chain, most))), key=worth)


def is_even(times_s: Sequence[float]) -> bool:
    """Whether the times are evenly spaced from the first to the last, within the tolerance."""
    if len(times_s) <= 2:
        return True
    grid, step_s = np.linspace(times_s[0], times_s[-1], len(times_s), retstep=True)
    return bool(np.abs(times_s - grid).max() <= max(OFF_SHARE_MAX * step_s, OFF_S_MAX))


def _chains(times_s: Sequence[float], indices: Sequence[int]) -> Iterator[list[int]]:
    """All maximal chains of frames that are the same number of slots apart."""
    slots = _slots([times_s[index] for index in indices])
    at = dict(zip(slots, indices, strict=True))
    for stride in range(1, min(slots[-1], _STRIDE_MAX) + 1):
        for first in slots:
            if first - stride not in at:
                last = next(slot for slot in range(first, slots[-1] + stride + 1, stride) if slot not in at)
                yield [at[slot] for slot in range(first, last, stride)]
    yield [indices[0]]


def _slots(times_s: Sequence[float]) -> list[int]:
    """Number the frames by the camera's clock; missing frames leave numbers out."""
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
    """The chain if it is evenly spaced, else the parts of it that are."""
    if is_even([times_s[index] for index in chain]):
        yield chain
        return
    half = len(chain) // 2
    yield from _even_parts(times_s, chain[:half])
    yield from _even_parts(times_s, chain[half:])
