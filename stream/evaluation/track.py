"""The rows of one clip in a file, and the anomalous events among them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from stream.errors import InputError, UsageError
from stream.evaluation.types import Stretch, joined

_CLOCK = re.compile(r"(?:(?P<hours>\d{1,3}):)?(?P<minutes>\d{1,3}):(?P<seconds>\d{1,2}(?:\.\d+)?)")

LONGEST_S = 1e7
"""About 16 weeks; later times are refused."""
ROUNDING_S = 1.0
"""A row may end this much after its clip, since people and models write whole seconds."""


@dataclass(frozen=True, slots=True)
class TrackRow:
    """One stretch of a clip."""

    where: str
    """File and place, for messages."""
    span: Stretch
    kind: str
    text: str
    """Description in words; empty if the file has none."""


@dataclass(frozen=True, slots=True)
class Track:
    """All rows of one clip."""

    where: str
    stem: str | None
    """The clip's name; None if the file does not give it."""
    rows: tuple[TrackRow, ...]
    duration_s: float | None = None
    """The clip's length, if the file gives it."""
    described: bool = False
    """Its rows describe in words everything that happens; a pattern selects the anomalous ones. Models write such
    files: an invalid row is left out and reported, and the rest is used."""
    broken: tuple[str, ...] = ()
    """One sentence for each row that was left out."""
    note: str | None = None
    """A remark on this file for the readers of the result."""


def make_row(
    where: str,
    start: object,
    end: object,
    *,
    kind: object = "anomalous",
    text: str = "",
    opened_at: object = None,
    closed_at: object = None,
) -> TrackRow:
    """Make a row from the values in a file; without a kind it is anomalous.

    Raises:
        InputError: a value is invalid; the message names its place.
    """
    try:
        t_start_s, t_end_s = seconds_of(start), seconds_of(end)
        known_at_s = [None if moment is None else seconds_of(moment) for moment in (opened_at, closed_at)]
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if t_end_s <= t_start_s:
        raise InputError(f"{where}: its end, {end}, is not after its start, {start}")
    if kind not in ("typical", "anomalous", "unknown"):
        raise InputError(f"{where}: its kind is {kind!r}, expected 'typical', 'anomalous' or 'unknown'")
    return TrackRow(where, Stretch(t_start_s, t_end_s, *known_at_s), str(kind), text)


def described_track(where: str, stem: str, lines: Iterable[tuple[str, object, object, str]]) -> Track:
    """Make a track from described lines (place, start, end, text); invalid ones are left out.

    Raises:
        InputError: no line is valid, so that this is probably another kind of file.
    """
    rows: list[TrackRow] = []
    broken: list[str] = []
    for place, start, end, text in lines:
        try:
            rows.append(make_row(place, start, end, text=text))
        except InputError as error:
            broken.append(str(error))
    if broken and not rows:
        raise InputError(f"{where} has no valid row; the first: {broken[0]}")
    return Track(where, stem, tuple(rows), described=True, broken=tuple(broken))


def fitted(track: Track, duration_s: float) -> Track:
    """The track without the rows that end after the clip.

    Raises:
        InputError: there are such rows, and the track is not a described one.
    """
    limit_s = duration_s + ROUNDING_S
    within = tuple(row for row in track.rows if row.span.t_end_s <= limit_s)
    late = (row for row in track.rows if row.span.t_end_s > limit_s)
    broken = [
        f"{row.where}: it ends at {row.span.t_end_s:g} s, after the end of the clip at {duration_s:g} s" for row in late
    ]
    if broken and not track.described:
        raise InputError(f"{broken[0]}: it may belong to another clip")
    return replace(track, rows=within, broken=(*track.broken, *broken))


def anomalies_of(track: Track, pattern: re.Pattern[str] | None) -> tuple[Stretch, ...]:
    """The anomalous events of a track, in order; touching rows are one event.

    Raises:
        UsageError: the track is described in words and there is no pattern.
        InputError: listed events overlap.
    """
    if not track.described:
        rows = [row for row in track.rows if row.kind == "anomalous"]
        _refuse_overlap(rows)
    elif pattern is None:
        raise UsageError(
            f"{track.where} describes everything that happens: select its anomalous rows with --anomalous PATTERN"
        )
    else:
        rows = [row for row in track.rows if pattern.search(row.text)]
    return joined(row.span for row in rows)


def last_end_s(tracks: Iterable[Track]) -> float:
    """End of the last row of all tracks; 0 without rows."""
    return max((row.span.t_end_s for track in tracks for row in track.rows), default=0.0)


def _refuse_overlap(rows: Iterable[TrackRow]) -> None:
    for one, other in pairwise(sorted(rows, key=lambda row: row.span.t_start_s)):
        if other.span.t_start_s < one.span.t_end_s:
            raise InputError(
                f"{other.where}: it begins at {other.span.t_start_s:g} s, before {one.where} ends at "
                f"{one.span.t_end_s:g} s: events of one clip may not overlap"
            )


def seconds_of(written: object) -> float:
    """Convert a time to seconds: a number, or text like ``75``, ``75.5``, ``1:15``, ``01:15.5`` or ``00:01:15``.

    Raises:
        ValueError: it is not a time; the message says why.
    """
    match written:
        case None:
            raise ValueError("a time is missing")
        case bool():
            raise ValueError(f"{written} is not a time")
        case int() | float():
            return _check_time(written)
        case str():
            return _check_time(_parse_time(written.strip()))
        case _:
            raise ValueError(f"a {type(written).__name__} is not a time")


def _parse_time(text: str) -> float:
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a time in seconds, mm:ss or hh:mm:ss") from None
    minutes, seconds = int(clock["minutes"]), float(clock["seconds"])
    if seconds >= 60 or (clock["hours"] and minutes >= 60):
        raise ValueError(f"{text!r} is not a time: minutes and seconds end at 59")
    return int(clock["hours"] or 0) * 3600 + minutes * 60 + seconds


def _check_time(seconds: float) -> float:
    if not 0 <= seconds < LONGEST_S:
        raise ValueError(f"{seconds} is not a time in a clip: expected 0 to {LONGEST_S:.0f} s")
    return float(seconds)
