"""The two sides of an evaluation: anomalies, and the clips that hold them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of anomalous time, ``[t_start_s, t_end_s)`` in seconds of the clip, longer than nothing."""

    t_start_s: float
    t_end_s: float
    opened_at_s: float | None = None
    """Stream time at which its beginning was known; None where nobody recorded it."""
    closed_at_s: float | None = None
    """Stream time at which its end was known."""


def joined(pieces: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The maximal stretches that the pieces cover, in order: pieces that touch or overlap are one event.

    A detector's longest duration cuts one event into several touching segments; they count once.
    """
    events: list[Stretch] = []
    for piece in sorted(pieces, key=lambda piece: (piece.t_start_s, piece.t_end_s)):
        if events and piece.t_start_s <= events[-1].t_end_s:
            first = events.pop()
            last = max(first, piece, key=lambda each: each.t_end_s)
            events.append(Stretch(first.t_start_s, last.t_end_s, first.opened_at_s, last.closed_at_s))
        else:
            events.append(piece)
    return tuple(events)


def edges_of(anomalies: Sequence[Stretch]) -> npt.NDArray[np.float64]:
    """(N, 2) float64: start and end, seconds."""
    edges = [(each.t_start_s, each.t_end_s) for each in anomalies]
    return np.array(edges, np.float64).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Clip:
    """Predicted and true anomalies of one clip, each side sorted and disjoint."""

    stem: str
    predicted: tuple[Stretch, ...]
    true: tuple[Stretch, ...]
    duration_s: float
    duration_known: bool = True
    """False where the last end that either side knows stands for the clip's length."""
