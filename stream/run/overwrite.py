"""Describes the run that a new one would replace, and asks for consent if it has annotations."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from stream.config import Options
from stream.errors import NewerVersionError, UsageError, printable
from stream.records.schema.events import RunFinished, SegmentAnnotated, SegmentClosed, SegmentFailed
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import newest_checkpoint
from stream.records.store.event_log import readable_events
from stream.records.store.versions import require_readable
from stream.ui.text import count

_KINDS: Final = {
    "finished": "a finished run",
    "interrupted": "an interrupted run",
    "damaged": "a damaged run",
    "newer": "a run of a newer version",
}
_EMPTY_ARRAY_BYTES = len(b"[]\n")


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run in the directory where another one is to be written, as far as its event log can be read."""

    root: Path
    state: str
    """``finished``, ``interrupted``, ``damaged`` or ``newer``: of a newer version."""
    segments: int = 0
    annotated: int = 0
    dollars: float = 0.0
    """Recorded price of its annotations, failed ones included."""
    is_price_whole: bool = True
    """Whether the price of all of them is known."""
    unreadable: str = ""
    """The part of the event log that could not be counted, as a sentence says it; empty if all was."""
    has_responses: bool = False
    """Whether it has an annotator's responses, counted or not."""

    @property
    def needs_consent(self) -> bool:
        """Whether it has annotations, which cost time or money, or may have some."""
        return self.annotated > 0 or self.has_responses or self.state == "newer"

    def __str__(self) -> str:
        run = f"{self.root}, {_KINDS[self.state]}"
        if self.unreadable and not self.segments and not self.annotated:
            words = "and annotations that " if self.has_responses else "that "
            return f"{run} with segments {words}cannot be counted ({self.unreadable})"
        least = "at least " if self.unreadable else ""
        price_least = "" if self.is_price_whole and not self.unreadable else "at least "
        price = f" for {price_least}${self.dollars:.2f}" if self.dollars else ""
        segments = count(self.segments, "segment")
        counted = f"{run} with {least}{segments}, {least}{self.annotated} of them described{price}"
        return f"{counted} ({self.unreadable})" if self.unreadable else counted


def earlier_at(layout: RunLayout) -> EarlierRun | None:
    """The run that has begun in a run directory, whichever clip and options it is of."""
    newer = _newer_file(layout)
    has_responses = _size(layout.raw_responses) > 0 or _size(layout.annotations) > _EMPTY_ARRAY_BYTES
    if not layout.events.exists():
        if not (newer or has_responses):
            return None
        state, unreadable = "newer" if newer else "damaged", f"{layout.events.name} is missing"
        return EarlierRun(layout.root, state, unreadable=unreadable, has_responses=has_responses)
    events, unreadable_lines = readable_events(layout.events)
    state = "finished" if any(isinstance(event, RunFinished) for event in events) else "interrupted"
    responses = [event for event in events if isinstance(event, SegmentAnnotated | SegmentFailed)]
    unreadable = f"{unreadable_lines} line{'s' * (unreadable_lines > 1)} of {layout.events.name} cannot be read"
    if newer:
        state, unreadable = "newer", f"{newer.name} is of a newer version"
    elif unreadable_lines:
        state = "damaged"
    return EarlierRun(
        layout.root,
        state,
        sum(isinstance(event, SegmentClosed) for event in events),
        len({event.segment_id for event in responses if isinstance(event, SegmentAnnotated)}),
        sum(event.dollars or 0.0 for event in responses),
        all(event.dollars is not None for event in responses),
        unreadable if newer or unreadable_lines else "",
        has_responses,
    )


def _newer_file(layout: RunLayout) -> Path | None:
    """A file of a newer version; None if there is none."""
    try:
        require_readable(layout)
        newest_checkpoint(layout)
    except NewerVersionError as error:
        return error.path
    except UsageError:  # a checkpoint of an earlier version
        return None
    return None


def _size(path: Path) -> int:
    """Bytes of a file; 0 if it is missing."""
    return path.stat().st_size if path.exists() else 0


def with_consent(options: Options, layout: RunLayout) -> Options:
    """The options with ``--yes`` if the user agrees, in a terminal, to remove a run with annotations."""
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
        UsageError: it has annotations, and the user has not agreed.
    """
    earlier = earlier_at(layout)
    if earlier is None:
        return None
    agreed = options.output.overwrite and options.output.yes
    if earlier.needs_consent and not agreed:
        raise UsageError(_refusal(options, earlier))
    if options.output.overwrite:
        return f"--overwrite removes {earlier}"
    return f"removing {earlier}" + ("" if options.starts_over else ", which cannot be resumed")


def _refusal(options: Options, earlier: EarlierRun) -> str:
    if options.output.overwrite:
        return f"--overwrite would remove {earlier}: add --yes to agree, or choose another --out"
    if options.starts_over:
        return f"this command would remove {earlier}: choose another --out"
    return f"{earlier}, cannot be resumed: choose another --out, or discard it with --overwrite --yes"


def next_command(options: Options, purpose: str) -> str:
    """How to go on after a stop, for a ``purpose`` such as ``resume``: ``--overwrite`` would start over."""
    if options.resolved.always_starts_over:
        return "run the same command again to start over"
    return f"run the same command again{', without --overwrite,' if options.output.overwrite else ''} to {purpose}"
