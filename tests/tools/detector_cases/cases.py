"""What is staged: which work is usual in a case, what else happens in it, and when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, TypeAlias

import numpy as np

Split: TypeAlias = Literal["chosen", "held-out"]
"""Constants are chosen on the first; figures are reported for the second."""
LENGTHS_S: Final = (3, 4, 8, 15, 30)
CLIPS: Final = 6
CLIP_S: Final = 300
LONG_S: Final = 1200


@dataclass(frozen=True, slots=True)
class Insertion:
    """Other work in place of the usual one, ``[start_s, end_s)``."""

    start_s: int
    end_s: int
    recording: int
    """Which one of the split's recordings."""
    is_event: bool = True
    """Whether it is to be found."""


@dataclass(frozen=True, slots=True)
class StagedCase:
    """One staged clip."""

    family: str
    name: str
    recording: int
    """Which one of the split's recordings shows the usual work."""
    duration_s: int
    insertions: tuple[Insertion, ...] = ()

    @property
    def events(self) -> tuple[Insertion, ...]:
        """What is to be found, in order."""
        return tuple(each for each in self.insertions if each.is_event)


def cases(recordings: int, split: Split) -> Iterator[StagedCase]:
    """All cases over so many recordings, those with the same usual work side by side."""
    rng = np.random.default_rng({"chosen": 1, "held-out": 2}[split])
    for base in range(min(CLIPS, recordings)):
        others = [(base + int(step)) % recordings for step in rng.permutation(np.arange(1, recordings))]
        for staged in _of_one_clip(base, others, rng):
            yield StagedCase(staged.family, f"{staged.family} {base}.{staged.name}", *_rest(staged))


def _rest(case: StagedCase) -> tuple[int, int, tuple[Insertion, ...]]:
    return case.recording, case.duration_s, case.insertions


def _of_one_clip(base: int, others: Sequence[int], rng: np.random.Generator) -> Iterator[StagedCase]:
    """The cases with one usual work."""
    yield StagedCase("usual", "0", base, 2 * CLIP_S)
    for length_s, place in product(LENGTHS_S, range(3)):
        start_s = 70 + 75 * place + int(rng.integers(0, 40))
        event = Insertion(start_s, start_s + length_s, others[place % len(others)])
        yield StagedCase(f"event {length_s} s", str(place), base, CLIP_S, (event,))
    for place, start_s in enumerate((35, 37, 40)):
        yield StagedCase(
            "first at 35-40 s", str(place), base, CLIP_S, (Insertion(start_s, start_s + 15, others[place]),)
        )
    for place, start_s in enumerate((0, 9, 18)):
        early = Insertion(start_s, start_s + 12, others[place], is_event=False)
        later_s = 90 + int(rng.integers(0, 100))
        for name, other in (("", others[place + 1]), (", again", others[place])):
            later = Insertion(later_s, later_s + 15, other)
            yield StagedCase(f"12 s in warm-up{name}", str(place), base, CLIP_S, (early, later))
    first = Insertion(0, 40, others[0], is_event=False)
    yield StagedCase("40 s first", "0", base, CLIP_S, (first, Insertion(200, 215, others[1])))
    again = tuple(Insertion(60 * k + 45, 60 * k + 60, others[0]) for k in range(1, 9))
    yield StagedCase("eight times", "0", base, 2 * CLIP_S, again)
    yield _varied(base, others, rng, 3)
    yield _varied(base, others, rng, 4)
    yield _varied(base, others, rng, 8)
    if base < 2:
        stations = tuple(Insertion(60 * k, 60 * k + 60, others[0], is_event=False) for k in range(1, 20, 2))
        yield StagedCase("two stations", "0", base, LONG_S, stations)
        late_s = 727 + 60 * int(rng.integers(0, 6))
        one_off = Insertion(late_s, late_s + 15, others[1])
        yield StagedCase("two stations, one-off", "0", base, LONG_S, (*stations, one_off))


def _varied(base: int, others: Sequence[int], rng: np.random.Generator, length_s: int) -> StagedCase:
    """Work that changes every 4-10 s between two recordings, and one event."""
    parts, at_s = [], int(rng.integers(4, 10))
    while at_s < CLIP_S:
        until_s = at_s + int(rng.integers(4, 10))
        parts.append(Insertion(at_s, min(until_s, CLIP_S), others[0], is_event=False))
        at_s = until_s + int(rng.integers(4, 10))
    start_s = 120 + int(rng.integers(0, 120))
    event = Insertion(start_s, start_s + length_s, others[1])
    return StagedCase(f"varied, {length_s} s", "0", base, CLIP_S, (*parts, event))
