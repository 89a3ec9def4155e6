"""Which clip of one side is which of the other, and how long it is."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stream.errors import UsageError
from stream.evaluation.track import Track, anomalies_of, fitted, last_end_s
from stream.evaluation.types import Clip


@dataclass(frozen=True, slots=True)
class Case:
    """A clip to be judged, and what the user must know of where it came from."""

    clip: Clip
    broken: tuple[str, ...]
    """Rows of either side that were put aside, one sentence each."""
    notes: tuple[str, ...]


def paired(predicted: Sequence[Track], true: Sequence[Track], stem: str | None) -> list[tuple[str, Track, Track]]:
    """The clips to judge: name, prediction and truth of each.

    With a ``stem``, each side gives the clip of that name, or its only one. Without, clips are paired by name, and a
    side that does not name its only clip takes the other's only one. Truth of clips that nobody predicted is left out.

    Raises:
        UsageError: if a predicted clip has no truth, or it is not clear which is its truth.
    """
    if stem is not None:
        return [(stem, *_named(predicted, true, stem))]
    if None in (predicted[0].stem, true[0].stem):
        return [_only(predicted, true)]
    truths = {track.stem: track for track in true}
    strangers = [track.stem for track in predicted if track.stem not in truths]
    if strangers:
        raise UsageError(
            f"the truth has no clip {_list(strangers)}, only {_list(truths)}: are they the same recordings? "
            "Name the clip of the truth with --clip"
        )
    return [(str(track.stem), track, truths[track.stem]) for track in predicted]


def left_out(true: Sequence[Track], chosen: Sequence[tuple[str, Track, Track]]) -> tuple[str, ...]:
    """A note that names the clips of the truth that nobody predicted, where several clips are judged."""
    unused = {track.stem for track in true} - {stem for stem, _, _ in chosen}
    if len(chosen) < 2 or not unused:
        return ()
    return (f"left out, for want of predictions: {_list(unused)}",)


def make_case(
    stem: str, predicted: Track, true: Track, pattern: re.Pattern[str] | None, duration_s: float | None
) -> Case:
    """Choose the anomalous events of both sides and the clip's length: the given, a run's, or the last end known.

    Raises:
        InputError: if events overlap, or end after the clip does.
        UsageError: if a side describes in words and there is no pattern.
    """
    known_s = next((each for each in (duration_s, predicted.duration_s, true.duration_s) if each is not None), None)
    length_s = last_end_s((predicted, true)) if known_s is None else known_s
    found, wanted = fitted(predicted, length_s), fitted(true, length_s)
    clip = Clip(
        stem,
        predicted=anomalies_of(found, pattern),
        true=anomalies_of(wanted, pattern),
        duration_s=max(length_s, last_end_s((found, wanted))),
        duration_known=known_s is not None,
    )
    notes = (track.note for track in (found, wanted) if track.note)
    return Case(clip, (*found.broken, *wanted.broken), tuple(notes))


def _list(stems: Iterable[str | None]) -> str:
    return ", ".join(sorted(repr(stem) for stem in stems if stem is not None))


def _named(predicted: Sequence[Track], true: Sequence[Track], stem: str) -> tuple[Track, Track]:
    known = {track.stem for track in (*predicted, *true)}
    if stem not in known:
        raise UsageError(f"--clip {stem}: there is no such clip, only {_list(known)}")
    return _choose(predicted, stem), _choose(true, stem)


def _choose(tracks: Sequence[Track], stem: str) -> Track:
    if len(tracks) == 1:
        return tracks[0]
    for track in tracks:
        if track.stem == stem:
            return track
    raise UsageError(f"--clip {stem}: one side has no such clip, only {_list(track.stem for track in tracks)}")


def _only(predicted: Sequence[Track], true: Sequence[Track]) -> tuple[str, Track, Track]:
    many = next((tracks for tracks in (predicted, true) if len(tracks) > 1), None)
    if many:
        raise UsageError(f"which clip is it? Say with --clip, one of {_list(track.stem for track in many)}")
    return predicted[0].stem or true[0].stem or "clip", predicted[0], true[0]
