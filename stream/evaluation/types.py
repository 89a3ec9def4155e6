"""Anomalous events and the clips that contain them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of anomalous time, ``[t_start_s, t_end_s)`` in seconds of the clip; never empty."""

    t_start_s: float
    t_end_s: float
    opened_at_s: float | None = None
    """Stream time at which its start was detected; None if not recorded."""
    closed_at_s: float | None = None
    """Stream time at which its end was detected; None if not recorded."""


def joined(pieces: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The maximal stretches that the pieces cover, in order; pieces that touch or overlap become one event.

    A detector with a maximum duration splits a long event into touching segments, which must count once.
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
class ClipAnomalies:
    """Predicted and true anomalies of one clip, each side sorted and disjoint."""

    stem: str
    predicted: tuple[Stretch, ...]
    true: tuple[Stretch, ...]
    duration_s: float
    duration_known: bool = True
    """False if the length is unknown and the last end of either side is used instead."""
