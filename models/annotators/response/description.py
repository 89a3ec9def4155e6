"""What an answer says about a segment: its actions, and what had to be repaired to get them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DescribedObject:
    """An object that is handled or in the way."""

    object_name: str
    bbox: tuple[int, int, int, int]
    """x1, y1, x2, y2 in pixels of the request's frames; x1 < x2, y1 < y2."""
    rigid: bool
    frame_t_s: float | None = None
    """Time of the frame that the box is in, in seconds from the segment's start; None if it is not known."""


@dataclass(frozen=True, slots=True)
class DescribedEcot:
    """Embodied chain of thought, as a model answers it."""

    scene: str
    subtask: str
    motion: str
    prediction: str


@dataclass(frozen=True, slots=True)
class DescribedAction:
    """One action of a segment. An idle one has no objects and no reasoning."""

    t_start_s: float
    """Seconds from the segment's start."""
    t_end_s: float
    active: bool
    objects: tuple[DescribedObject, ...]
    ecot: DescribedEcot | None


@dataclass(frozen=True, slots=True)
class Description:
    """A segment as an answer describes it."""

    actions: tuple[DescribedAction, ...]
    """At least one; ordered, disjoint, within [0, duration]."""
    repairs: tuple[str, ...]
    """What is not as the model wrote it, a clause each: ``action 2: its times were swapped``. Actions and objects are
    numbered from 1 in the order of the answer."""
    uncovered_s: float
    """Seconds of the segment that are in no action."""
