"""Finds a turn of the cycle: the moment at which the work starts again, the same one in every cycle.

The first turn is where a change recurs with the period that is distinctly greater than the others: a finished part is
put down, a new one is taken. Where no change is distinct, one moment is as good as another, and the work is taken to
have begun with a cycle. Later turns are those that look like the earlier ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from stream.detection.work import WorkWindows
from stream.pipeline.items import Float64

STEPS: Final = 10
"""Moments that are compared, in a stride of the windows."""
CYCLES: Final = 4
"""Cycles in which a change recurs; further back, cycles of uneven length are out of step."""
DISTINCT: Final = 1.25
"""A change is distinct if it is so many times the mean change of a cycle."""
CHANGE_SHARE: Final = 0.3
"""Weight of the recurring change, from 0 to 1, beside the likeness to earlier turns, from -1 to 1."""


class TurnSearch(NamedTuple):
    """Where a turn is looked for, in the time of the windows."""

    period_s: float
    after_s: float
    until_s: float
    work_since_s: float
    """When the work began."""
    earlier_s: Sequence[float]
    """Earlier turns of the same work."""


def turn_s(work: WorkWindows, search: TurnSearch) -> float | None:
    """The turn in ``(after_s, until_s]``; None if there are too few windows of the work to tell."""
    run = work.last_run()
    if len(run.times_s) < 4:
        return None
    until_s = min(search.until_s, float(run.times_s[-1]) + run.stride_s)
    moments_s = np.arange(until_s, search.after_s, -run.stride_s / STEPS)[::-1]
    if not len(moments_s):
        return None
    change = recurring_change(run, moments_s, search.period_s)
    if np.all(np.isnan(change)):
        return None
    low, high = np.nanmin(change), np.nanmax(change)
    earlier_s = search.earlier_s
    if not earlier_s and high < DISTINCT * np.nanmean(change):
        earlier_s = [search.work_since_s + search.period_s]
    score = CHANGE_SHARE * (change - low) / (high - low) if high > low else np.zeros(len(change))
    alike = likeness(work, moments_s, earlier_s, search.period_s / 2)
    if not np.all(np.isnan(alike)):
        score = score + alike
    return None if np.all(np.isnan(score)) else float(moments_s[int(np.nanargmax(score))])


def recurring_change(run: WorkWindows, moments_s: Float64, period_s: float) -> Float64:
    """(m,) squared change of the vectors in two strides, at each moment (m,) and whole periods before it.

    It is the mean over as many of ``CYCLES`` cycles as the run has, and over half a stride before and after each, since
    a jump between two windows is equally great at both. NaN where the run has nothing.
    """
    change = np.sum((run.vectors[2:] - run.vectors[:-2]) ** 2, axis=1)
    moved_s = [cycle * period_s + half * run.stride_s / 2 for cycle in range(CYCLES) for half in (-1, 0, 1)]
    known = [np.interp(moments_s - each, run.times_s[1:-1], change, left=np.nan, right=np.nan) for each in moved_s]
    count = np.sum(~np.isnan(known), axis=0)
    mean: Float64 = np.divide(np.nansum(known, axis=0), count, out=np.full(len(moments_s), np.nan), where=count > 0)
    return mean


def likeness(work: WorkWindows, moments_s: Float64, earlier_s: Sequence[float], reach_s: float) -> Float64:
    """(m,) correlation, from -1 to 1, of what surrounds each moment with the mean of what surrounds earlier turns.

    ``reach_s`` is how far both are compared on either side. NaN where less than half of that is known.
    """
    reach = max(2, math.ceil(reach_s / work.stride_s))
    offsets_s: Float64 = np.arange(-reach, reach + 1, dtype=np.float64) * work.stride_s
    turns = [work.at(turn + offsets_s) for turn in earlier_s]
    known = np.sum([~np.isnan(turn[:, 0]) for turn in turns], axis=0)
    if not np.any(known):
        return np.full(len(moments_s), np.nan)
    model = np.nansum(turns, axis=0)[known > 0] / known[known > 0][:, None]
    earlier, share = work.places(np.add.outer(moments_s, offsets_s[known > 0]))
    present = ~np.isnan(share)
    share = np.nan_to_num(share)
    products, columns = work.vectors @ model.T, np.arange(len(model))
    product = (1 - share) * products[earlier, columns] + share * products[earlier + 1, columns]
    square = np.sum(work.vectors**2, axis=1)
    beside = np.sum(work.vectors[:-1] * work.vectors[1:], axis=1)
    norm = (1 - share) ** 2 * square[earlier] + share**2 * square[earlier + 1]
    norm += 2 * share * (1 - share) * beside[earlier]
    norms = np.sqrt(np.sum(norm, axis=1, where=present) * (present @ np.sum(model**2, axis=1)))
    enough = (present.sum(axis=1) > reach) & (norms > 0)
    product = np.sum(product, axis=1, where=present)
    alike: Float64 = np.divide(product, norms, out=np.full(len(moments_s), np.nan), where=enough)
    return alike
