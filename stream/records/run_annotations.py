"""The annotations of a run: which there are, which one is the default, and the event log as each of them has it.

A run begins with one annotation, whose events name none. Each ``annotation.started`` adds one, by its name. The default
is the one that the last ``run.finished`` names: what is not complete yet hides nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stream.errors import InputError
from stream.records.cost import cost_of
from stream.records.schema.events import (
    Annotation,
    AnnotationStarted,
    Event,
    Outcome,
    PartOutcome,
    Request,
    RunFinished,
)
from stream.records.schema.layout import RunLayout

_NAME_CHARS_MAX: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class RunAnnotation:
    """One annotation of a run."""

    name: str
    """By which it is chosen."""
    recorded_name: str
    """``annotation_name`` of its events: empty for the first one."""
    annotator: str
    """Its model; of the first one, that of its first description."""
    started: AnnotationStarted | None
    """None for the first one."""
    is_default: bool
    is_complete: bool
    """Whether every segment has an outcome in it."""
    cost: Annotation
    """Of all its requests."""


def annotations_in(log: Sequence[Event]) -> list[RunAnnotation]:
    """All annotations that a log mentions, in the order in which they began.

    The first one is among them from its first description on; its name is that of its model.
    """
    started = {event.annotation_name: event for event in log if isinstance(event, AnnotationStarted)}
    requests: dict[str, list[Request]] = defaultdict(list)
    for event in log:
        if isinstance(event, Request):
            requests[event.annotation_name].append(event)
    first = next(iter(requests[""]), None)
    complete = {event.annotation_name for event in log if isinstance(event, RunFinished)}
    default = default_in(log)
    found = [
        RunAnnotation(name, name, event.annotator, event, name == default, name in complete, cost_of(requests[name]))
        for name, event in started.items()
    ]
    if first is None:
        return found
    name = free_name(name_for(first.annotator), started)
    cost = cost_of(requests[""])
    return [RunAnnotation(name, "", first.annotator, None, not default, "" in complete, cost), *found]


def default_in(log: Iterable[Event]) -> str:
    """``annotation_name`` of the events of the default annotation."""
    names = [event.annotation_name for event in log if isinstance(event, RunFinished)]
    return names[-1] if names else ""


def chosen_in(log: Sequence[Event], name: str | None, run: object) -> str:
    """``annotation_name`` of the events of the annotation with this name; of the default one without a name.

    Raises:
        InputError: there is none of this name; the message names ``run`` and those that there are.
    """
    if name is None:
        return default_in(log)
    found = {each.name: each.recorded_name for each in annotations_in(log)}
    if name not in found:
        there = f"it has {', '.join(found)}" if found else "it has none"
        raise InputError(f"{run} has no annotation {name!r}: {there}")
    return found[name]


def events_of(log: Iterable[Event], recorded_name: str) -> list[Event]:
    """The log as if an annotation were the only one: without the events of others.

    An annotation that is not complete has the run's end from the one before it.
    """
    own = [event for event in log if _belongs(event, recorded_name)]
    has_end = any(isinstance(event, RunFinished) and event.annotation_name == recorded_name for event in own)
    return [
        event
        for event in own
        if not (has_end and isinstance(event, RunFinished)) or event.annotation_name == recorded_name
    ]


def default_events(log: Iterable[Event]) -> list[Event]:
    """The log as the default annotation has it."""
    recorded = list(log)
    return events_of(recorded, default_in(recorded))


def layout_of_annotation(layout: RunLayout, log: Sequence[Event], recorded_name: str) -> RunLayout:
    """The paths of a run, with the files of an annotation.

    The first one is in the folder of annotations as soon as there is another; until then it is beside the events.
    """
    name = next((each.name for each in annotations_in(log) if each.recorded_name == recorded_name), "")
    own = replace(layout, annotation_name=name)
    return own if recorded_name or own.annotations.exists() else replace(layout, annotation_name="")


@dataclass(frozen=True, slots=True)
class AnnotationFilter:
    """Which events of a log are shown, whichever annotations begin later."""

    only: str | None = None
    """``annotation_name`` of the events of the only annotation that is shown; None: all but the hidden ones."""
    hidden: frozenset[str] = frozenset()

    def passes(self, event: Event) -> bool:
        """Whether an event is shown; those that belong to no annotation are."""
        if not isinstance(event, Outcome | PartOutcome | AnnotationStarted | RunFinished):
            return True
        name = event.annotation_name
        return name not in self.hidden if self.only is None else name == self.only


def filter_for(log: Sequence[Event], name: str | None, run: object) -> AnnotationFilter:
    """Shows the annotation of this name; of a run that has not finished, its only one.

    Without a name, it hides what another annotation has replaced: all complete ones but the default.

    Raises:
        InputError: as ``chosen_in``, of a finished run.
    """
    if name is not None:
        return AnnotationFilter(chosen_in(log, name, run) if any(isinstance(each, RunFinished) for each in log) else "")
    replaced = (each for each in annotations_in(log) if each.is_complete and not each.is_default)
    return AnnotationFilter(hidden=frozenset(each.recorded_name for each in replaced))


def name_for(annotator: str) -> str:
    """The name of an annotation by its model: ``Qwen2.5-VL-7B-Instruct`` for ``qwen Qwen/Qwen2.5-VL-7B-Instruct``."""
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", annotator.split(" ", 1)[-1].rpartition("/")[2])
    return words.strip("-._")[: _NAME_CHARS_MAX - 4] or "annotation"


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, or the first of ``name-2``, ``name-3`` and so on that is not taken."""
    used = set(taken)
    names = (name, *(f"{name}-{number}" for number in range(2, len(used) + 2)))
    return next(each for each in names if each not in used)


def is_name(text: str) -> bool:
    """Whether an annotation may have this name, which is also that of its files."""
    return len(text) <= _NAME_CHARS_MAX and _NAME.fullmatch(text) is not None


def _belongs(event: Event, recorded_name: str) -> bool:
    return not isinstance(event, Outcome | PartOutcome | AnnotationStarted) or event.annotation_name == recorded_name
