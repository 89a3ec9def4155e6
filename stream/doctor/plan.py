"""The plan for several clips: how many there are, how long they are, and what it takes to run them all."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stream.config import Options
from stream.doctor.check import Check, Finding, size
from stream.doctor.clip import PlannedRun
from stream.errors import EgocleanError, exit_code_of, sentence_of
from stream.sources.address import ClipSpec, redacted
from stream.sources.discover import list_clips
from stream.sources.selection import Listing, by_reason
from stream.ui.text import clock, count, whole_clock

_HEADERS_S: Final = 10.0
"""Time for reading the headers of clips; the rest is taken to be as long as these are on average."""
_NAMED_MAX: Final = 5
"""Clips that cannot be read and have a line each."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What running all clips takes, one after the other."""

    clips: int
    video_s: float
    wall_s: float
    dollars: float
    disk_bytes: int
    """At most."""


class PlannedClips:
    """The clips that arguments name."""

    def __init__(self, options: Options, specs: Sequence[str]) -> None:
        self._options = options
        self._specs = specs
        self.faults: dict[str, EgocleanError] = {}
        """Why clips cannot be read, of those whose headers were read."""

    @cached_property
    def listing(self) -> Listing:
        """All clips, and the files beside them that are none.

        Raises:
            EgocleanError: they cannot be listed, or two of them have one name.
        """
        return list_clips(self._specs, download=self._options.input.cache_source)

    @property
    def is_single(self) -> bool:
        """Whether it is one clip that was named itself."""
        return [clip.spec for clip in self.listing.clips] == list(self._specs) and len(self._specs) == 1

    @cached_property
    def durations_s(self) -> dict[str, float]:
        """The clips whose headers were read in time, with their durations; 0 for one whose header gives none."""
        found: dict[str, float] = {}
        began_at = time.monotonic()
        for clip in self.listing.clips:
            if (found or self.faults) and time.monotonic() - began_at > _HEADERS_S:
                break
            try:
                found[clip.spec] = self._duration_s(clip)
            except EgocleanError as error:
                self.faults[clip.spec] = error
        return found

    @property
    def first(self) -> str | None:
        """The first clip that can be read."""
        return next(iter(self.durations_s), None)

    @property
    def video_s(self) -> float:
        """Seconds of video of all clips that can be read."""
        measured = self.durations_s
        others = len(self.listing.clips) - len(measured) - len(self.faults)
        return sum(measured.values()) * (1 + others / len(measured)) if measured else 0.0

    def estimate(self, planned: PlannedRun) -> Estimate:
        """What they take, if all are like one that was tried."""
        measured = self.durations_s
        clips = len(self.listing.clips) - len(self.faults)
        wall_s = self.video_s * planned.pace.cost_s
        dollars = wall_s / 3600 * self._options.machine.price_per_hour
        disk_bytes = round(sum(map(planned.bytes_of, measured.values())) * clips / len(measured))
        return Estimate(clips, self.video_s, wall_s, dollars, disk_bytes)

    def _duration_s(self, clip: ClipSpec) -> float:
        if clip.fault is not None:
            raise clip.fault
        return PlannedRun(self._options.model_copy(update={"source": clip.spec})).stream.declared_s or 0.0


def clip(named: ClipSpec) -> Finding:
    """One clip by its name.

    Raises:
        SourceError: it, or the folder or tar that it names, holds no clip or cannot be read.
    """
    if named.fault is not None:
        raise named.fault
    return Finding(redacted(named.spec))


def clips(planned: PlannedClips) -> Finding:
    """Which clips there are, and how long they are."""
    total, read = len(planned.listing.clips), len(planned.durations_s) + len(planned.faults)
    about = f", by the headers of {read:,}" if read < total else ""
    left_out = f"; left out: {'; '.join(by_reason(planned.listing.left_out))}" if planned.listing.left_out else ""
    return Finding(f"{count(total, 'clip')}, {clock(planned.video_s)} of video{about}{left_out}")


def unreadable(planned: PlannedClips) -> Iterator[Check]:
    """A failed check for each clip that cannot be read, up to a bound."""
    for number, (spec, error) in enumerate(planned.faults.items()):
        if number == _NAMED_MAX:
            more = f"{len(planned.faults) - _NAMED_MAX:,} more cannot be read"
            yield Check("clip", "FAIL", more, exit_code=exit_code_of(error))
            return
        name, sentence = redacted(spec), sentence_of(error)
        yield Check("clip", "FAIL", sentence if name in sentence else f"{name}: {sentence}", "", exit_code_of(error))


def series(estimate: Estimate, price_per_hour: float, jobs: int) -> Finding:
    """Time, price and disk for all clips; how much sooner several ``jobs`` at a time end is not tried."""
    sooner = f" (--jobs {jobs} takes less where cores are free, which is not estimated)" if jobs > 1 else ""
    return Finding(
        f"{count(estimate.clips, 'clip')} in about {whole_clock(estimate.wall_s)}, one after the other{sooner}; "
        f"${estimate.dollars:.2f} at ${price_per_hour:.2f} an hour; at most {size(estimate.disk_bytes)} of disk"
    )
