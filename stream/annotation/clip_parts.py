"""A clip as a whole, in parts that a model can be shown, and the actions of the parts as those of one clip.

Parts overlap, because what a model says of the edge of what it sees is cut there. Of two parts that overlap, one time
decides: before it the first part's actions hold, after it those of the second. Where the part that holds says nothing,
what the other one says of that time stays.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stream.records.schema.annotations import Action

OVERLAP_S: Final = 20.0
"""A few actions; of short parts at most a quarter."""
_SAME_S: Final = 1.5e-6
"""Times are exact to the microsecond."""
_EDGE_S: Final = 1.0
"""An edge this near to where a part begins or ends may be the part's own."""


@dataclass(frozen=True, slots=True)
class ClipPart:
    """A stretch of a clip that is described in one request."""

    part_id: str
    t_start_s: float
    t_end_s: float


def parts_of_clip(spans: Iterable[tuple[float, float]], longest_s: float) -> list[ClipPart]:
    """The parts of a clip whose segments last from and to these times, in order.

    What is disconnected, because a live source was away in between, is divided by itself: no part has a gap in it.
    """
    stretches: list[tuple[float, float]] = []
    for start_s, end_s in spans:
        if stretches and start_s - stretches[-1][1] < _SAME_S:
            stretches[-1] = stretches[-1][0], end_s
        else:
            stretches.append((start_s, end_s))
    parts = [part for stretch in stretches for part in parts_of(*stretch, longest_s)]
    return [replace(part, part_id=f"p{number:04}") for number, part in enumerate(parts)]


def parts_of(t_start_s: float, t_end_s: float, longest_s: float) -> list[ClipPart]:
    """The parts of a stretch: as few as possible, of equal length, each at most ``longest_s``.

    Times are whole milliseconds, as keyframes have them, but for the stretch's own ends.
    """
    length_s, overlap_s = t_end_s - t_start_s, min(OVERLAP_S, longest_s / 4)
    count = max(1, math.ceil(round((length_s - overlap_s) / (longest_s - overlap_s), 9)))
    step_s = (length_s - overlap_s) / count
    starts_s = [t_start_s, *(round(t_start_s + number * step_s, 3) for number in range(1, count))]
    ends_s = [*(round(start_s + overlap_s, 3) for start_s in starts_s[1:]), t_end_s]
    return [
        ClipPart(f"p{number:04}", start_s, end_s)
        for number, (start_s, end_s) in enumerate(zip(starts_s, ends_s, strict=True))
    ]


def joined_actions(described: Sequence[tuple[ClipPart, Sequence[Action]]]) -> list[Action]:
    """The actions of a clip, in order and disjoint, from those of its parts, which are in order of time.

    Where two parts overlap, the change-over is the start or end of an action that is nearest to the middle of the
    overlap; edges within a second of where a part is cut do not count. If there is none, it is the middle; and if both
    parts have an action there that is active, or an idle one, they are one action, with the words of the longer part of
    it. Everything else that reaches over the change-over is cut there.
    """
    actions: list[Action] = []
    before: ClipPart | None = None
    for part, own in described:
        if before is None or before.t_end_s <= part.t_start_s:  # a part between them has failed
            actions += own
        else:
            actions = _joined(actions, list(own), part.t_start_s, before.t_end_s)
        before = part
    return actions


def _joined(first: list[Action], second: list[Action], start_s: float, end_s: float) -> list[Action]:
    """The actions of two parts that overlap from ``start_s`` to ``end_s``."""
    middle_s = (start_s + end_s) / 2
    edges_s = {t_s for action in (*first, *second) for t_s in (action.t_start_s, action.t_end_s)}
    inside_s = [t_s for t_s in edges_s if start_s + _EDGE_S <= t_s <= end_s - _EDGE_S]
    change_s = min(inside_s, key=lambda t_s: (abs(t_s - middle_s), t_s), default=middle_s)
    left, right = cut(first, 0.0, change_s), cut(second, change_s, math.inf)
    whole = [*left, *right]
    if not inside_s and left and right and _go_on(left[-1], right[0], change_s):
        whole = [*left[:-1], one_action(left[-1], right[0]), *right[1:]]
    others = [*cut(second, start_s, change_s), *cut(first, change_s, end_s)]
    return sorted([*whole, *outside(others, whole)], key=lambda action: action.t_start_s)


def _go_on(first: Action, second: Action, t_s: float) -> bool:
    """Whether what is done before a time goes on after it: both are active, or nothing is done in both."""
    return first.t_end_s == t_s == second.t_start_s and first.active == second.active


def outside(actions: Iterable[Action], others: Sequence[Action]) -> list[Action]:
    """What of the actions lies in no other one, where that is a second or more: an edge may be the part's own."""
    pieces = list(actions)
    for other in others:
        pieces = [*cut(pieces, 0.0, other.t_start_s), *cut(pieces, other.t_end_s, math.inf)]
    return [piece for piece in pieces if piece.t_end_s - piece.t_start_s >= _EDGE_S]


def one_action(first: Action, second: Action) -> Action:
    """Two actions of the same kind that touch, as one: the words and boxes are those of the longer one."""
    longer = max(first, second, key=lambda action: action.t_end_s - action.t_start_s)
    return longer.model_copy(update={"t_start_s": first.t_start_s, "t_end_s": second.t_end_s})


def cut(actions: Iterable[Action], start_s: float, end_s: float) -> list[Action]:
    """What of the actions lies between two times."""
    within = (
        action.model_copy(update={"t_start_s": max(action.t_start_s, start_s), "t_end_s": min(action.t_end_s, end_s)})
        for action in actions
    )
    return [action for action in within if action.t_start_s < action.t_end_s]
