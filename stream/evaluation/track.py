"""What a file says of one clip, row by row, and which of its rows are anomalous events."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from stream.errors import InputError, UsageError
from stream.evaluation.anomaly import Anomaly, joined
from stream.evaluation.clock import seconds_of

ROUNDING_S = 1.0
"""A row may end this much after its clip does: people and models write whole seconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stretch of a clip."""

    where: str
    """File and place, for messages."""
    span: Anomaly
    kind: str
    text: str
    """What happens in it, in words; empty where the file has none."""


@dataclass(frozen=True, slots=True)
class Track:
    """All rows of one clip."""

    where: str
    stem: str | None
    """The clip's name; None where the file does not say."""
    rows: tuple[Row, ...]
    duration_s: float | None = None
    """The clip's length, where the source knows it."""
    described: bool = False
    """Its rows tell in words whatever happens, and a pattern must say which are anomalous. Such files are
    written by models: a broken row is put aside and named, and the rest is used."""
    broken: tuple[str, ...] = ()
    """One sentence for each row that was put aside."""
    note: str | None = None
    """What a reader of the result has to know of this source."""


def make_row(
    where: str,
    start: object,
    end: object,
    *,
    kind: object = "anomalous",
    text: str = "",
    opened_at: object = None,
    closed_at: object = None,
) -> Row:
    """A row from values as they were read; without a kind it is an event.

    Raises:
        InputError: naming the place and what is wrong there.
    """
    try:
        t_start_s, t_end_s = seconds_of(start), seconds_of(end)
        known_at_s = [None if moment is None else seconds_of(moment) for moment in (opened_at, closed_at)]
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if t_end_s <= t_start_s:
        raise InputError(f"{where}: its end, {end}, is not after its start, {start}")
    if kind not in ("typical", "anomalous"):
        raise InputError(f"{where}: its kind is {kind!r}, expected 'typical' or 'anomalous'")
    return Row(where, Anomaly(t_start_s, t_end_s, *known_at_s), str(kind), text)


def described_track(where: str, stem: str, lines: Iterable[tuple[str, object, object, str]]) -> Track:
    """A track from lines in words: place, start, end and text of each; broken ones are put aside.

    Raises:
        InputError: if not one line is sound, so that this is probably another kind of file.
    """
    rows: list[Row] = []
    broken: list[str] = []
    for place, start, end, text in lines:
        try:
            rows.append(make_row(place, start, end, text=text))
        except InputError as error:
            broken.append(str(error))
    if broken and not rows:
        raise InputError(f"{where} has not one sound row; the first: {broken[0]}")
    return Track(where, stem, tuple(rows), described=True, broken=tuple(broken))


def fitted(track: Track, duration_s: float) -> Track:
    """The track without the rows that end after the clip does.

    Raises:
        InputError: if there are such rows and the track is not of the sort whose broken rows are put aside.
    """
    limit_s = duration_s + ROUNDING_S
    kept = tuple(row for row in track.rows if row.span.t_end_s <= limit_s)
    late = (row for row in track.rows if row.span.t_end_s > limit_s)
    broken = [f"{row.where}: it ends at {row.span.t_end_s:g} s, and the clip at {duration_s:g} s" for row in late]
    if broken and not track.described:
        raise InputError(f"{broken[0]}: is it of another clip?")
    return replace(track, rows=kept, broken=(*track.broken, *broken))


def anomalies_of(track: Track, pattern: re.Pattern[str] | None) -> tuple[Anomaly, ...]:
    """The anomalous events of a track, in order; rows that touch are one event.

    Raises:
        UsageError: if the track is described in words and no pattern says which of them are anomalous.
        InputError: if events that were listed as such overlap.
    """
    if not track.described:
        rows = [row for row in track.rows if row.kind == "anomalous"]
        _refuse_overlap(rows)
    elif pattern is None:
        raise UsageError(
            f"{track.where} tells everything that happens: say with --anomalous PATTERN which of its rows are anomalous"
        )
    else:
        rows = [row for row in track.rows if pattern.search(row.text)]
    return joined(row.span for row in rows)


def last_end_s(tracks: Iterable[Track]) -> float:
    """Where the last row of all ends; 0 without rows."""
    return max((row.span.t_end_s for track in tracks for row in track.rows), default=0.0)


def _refuse_overlap(rows: Iterable[Row]) -> None:
    for one, other in pairwise(sorted(rows, key=lambda row: row.span.t_start_s)):
        if other.span.t_start_s < one.span.t_end_s:
            raise InputError(
                f"{other.where}: it begins at {other.span.t_start_s:g} s, before {one.where} ends at "
                f"{one.span.t_end_s:g} s: events of one clip may not overlap"
            )
