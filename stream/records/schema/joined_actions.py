"""Actions over the cuts of ``--detector-max-segment-s``: what goes on in the next segment is one action.

Each segment is described on its own, in any order, and perhaps again after a kill. So the rules give the same actions
in whichever order segments come: an action keeps the words of its first segment, and only equal words are joined. The
objects of all stay, each in the keyframe that it was seen in.
"""

from collections.abc import Iterable, Sequence

from stream.records.schema.action import Action

_SAME_S = 1.5e-6
"""Times are exact to the microsecond."""


def without_segment(actions: Iterable[Action], segment_id: str, t_start_s: float, t_end_s: float) -> list[Action]:
    """The actions without those of a segment, which lasts from ``t_start_s`` to ``t_end_s``.

    Of one that runs through it, the parts before and after it stay.
    """
    kept: list[Action] = []
    for action in actions:
        ids = action.segments
        if segment_id not in ids:
            kept.append(action)
            continue
        place = ids.index(segment_id)
        if before := ids[:place]:
            kept.append(_of_segments(action, before, action.t_start_s, t_start_s))
        if after := ids[place + 1 :]:
            kept.append(_of_segments(action, after, t_end_s, action.t_end_s))
    return kept


def joined_at(actions: Sequence[Action], cut_s: float) -> list[Action]:
    """The actions, with the two that touch at a cut as one if they are of one kind, and both idle or of equal words."""
    first = next((each for each in actions if abs(each.t_end_s - cut_s) < _SAME_S), None)
    second = next((each for each in actions if abs(each.t_start_s - cut_s) < _SAME_S), None)
    if first is None or second is None or first.kind != second.kind or _work_of(first) != _work_of(second):
        return list(actions)
    whole = first.model_copy(update={"objects": (*first.objects, *second.objects)})
    both = _of_segments(whole, (*first.segments, *second.segments), first.t_start_s, second.t_end_s)
    return [both if each is first else each for each in actions if each is not second]


def _of_segments(action: Action, segment_ids: tuple[str, ...], t_start_s: float, t_end_s: float) -> Action:
    """What of an action lies in these segments, with the objects whose keyframes do."""
    names_ms = range(round(t_start_s * 1000), round(t_end_s * 1000))
    objects = tuple(
        each for each in action.objects if each.keyframe_t_s is None or round(each.keyframe_t_s * 1000) in names_ms
    )
    several = segment_ids if len(segment_ids) > 1 else ()
    changes = {"segment_id": segment_ids[0], "segment_ids": several, "t_start_s": t_start_s, "t_end_s": t_end_s}
    return action.model_copy(update={**changes, "objects": objects})


def _work_of(action: Action) -> str | None:
    """What is done; None if nothing is."""
    return " ".join(action.ecot.subtask.casefold().split()) if action.ecot else None
