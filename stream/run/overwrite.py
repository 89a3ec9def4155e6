"""Describes the run that ``--overwrite`` removes, and asks for consent if it has annotations."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from stream.config import Options
from stream.errors import DamagedError, UsageError, printable
from stream.records.schema.events import RunFinished, SegmentAnnotated, SegmentClosed, SegmentFailed
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import read_events


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run in the directory where another one is to be written."""

    root: Path
    state: str
    """``finished``, ``interrupted`` or ``damaged``."""
    segments: int = 0
    annotated: int = 0
    dollars: float = 0.0
    """Recorded price of its annotations, failed ones included."""

    @property
    def needs_consent(self) -> bool:
        """Whether it is a finished run with annotations, which cost time or money."""
        return self.state == "finished" and self.annotated > 0

    def __str__(self) -> str:
        article = "an" if self.state == "interrupted" else "a"
        described = f"{self.annotated} of them described"
        price = f" for ${self.dollars:.2f}" if self.dollars else ""
        return f"{self.root}, {article} {self.state} run with {self.segments} segments, {described}{price}"


def earlier_at(layout: RunLayout) -> EarlierRun | None:
    """The run that has begun in a run directory, whichever clip and options it is of."""
    if not layout.events.exists():
        return None
    try:
        events = list(read_events(layout.events))
    except DamagedError:
        return EarlierRun(layout.root, "damaged")
    responses = [event for event in events if isinstance(event, SegmentAnnotated | SegmentFailed)]
    return EarlierRun(
        layout.root,
        "finished" if any(isinstance(event, RunFinished) for event in events) else "interrupted",
        sum(isinstance(event, SegmentClosed) for event in events),
        len({event.segment_id for event in responses if isinstance(event, SegmentAnnotated)}),
        sum(event.dollars or 0.0 for event in responses),
    )


def with_consent(options: Options, layout: RunLayout) -> Options:
    """The options with ``--yes`` if the user agrees, in a terminal, to overwrite the annotations of a finished run."""
    if not options.output.overwrite or options.output.yes:
        return options
    earlier = earlier_at(layout)
    if earlier is None or not earlier.needs_consent or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return options
    agreed = click.confirm(printable(f"--overwrite removes {earlier}. Continue?"), err=True)
    return options.replace({"output.yes": agreed})


def announce_removal(options: Options, layout: RunLayout) -> str | None:
    """A sentence on the run that is about to be removed; None if there is none.

    Raises:
        UsageError: it is a finished run with annotations, and the user has not agreed.
    """
    earlier = earlier_at(layout)
    if earlier is None:
        return None
    if earlier.needs_consent and not options.output.yes:
        raise UsageError(f"--overwrite would remove {earlier}: add --yes to agree, or choose another --out")
    return f"--overwrite removes {earlier}"


def same_command(options: Options) -> str:
    """How to continue a run that was stopped: ``--overwrite`` would start it over."""
    return "run the same command again" + (", without --overwrite," if options.output.overwrite else "")
