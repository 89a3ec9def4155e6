"""Pairs the clips of both sides, and determines their lengths."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stream.errors import UsageError
from stream.evaluation.track import Track, anomalies_of, fitted, last_end_s
from stream.evaluation.types import ClipAnomalies


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """A clip to evaluate, with remarks on its sources."""

    clip: ClipAnomalies
    broken: tuple[str, ...]
    """Rows of either side that were left out, one sentence each."""
    notes: tuple[str, ...]


def paired(predicted: Sequence[Track], true: Sequence[Track], stem: str | None) -> list[tuple[str, Track, Track]]:
    """The clips to evaluate: name, predictions and truth of each.

    With a ``stem``, the clip of that name is taken from each side, or its only clip. Without one, clips are paired by
    name, and an unnamed clip is paired with the only clip of the other side. Truth without predictions is left out.

    Raises:
        UsageError: a predicted clip has no truth, or more than one could be its truth.
    """
    if stem is not None:
        return [(stem, *_named(predicted, true, stem))]
    if None in (predicted[0].stem, true[0].stem):
        return [_only(predicted, true)]
    truths = {track.stem: track for track in true}
    unknown = [track.stem for track in predicted if track.stem not in truths]
    if unknown:
        raise UsageError(
            f"the truth has no clip {_list(unknown)}, only {_list(truths)}: if the recordings are the same, name the "
            "clip of the truth with --clip"
        )
    return [(str(track.stem), track, truths[track.stem]) for track in predicted]


def left_out(true: Sequence[Track], chosen: Sequence[tuple[str, Track, Track]]) -> tuple[str, ...]:
    """A note that names the clips of the truth without predictions, if several clips are evaluated."""
    unused = {track.stem for track in true} - {stem for stem, _, _ in chosen}
    if len(chosen) < 2 or not unused:
        return ()
    return (f"left out, because there are no predictions for them: {_list(unused)}",)


def make_case(
    stem: str, predicted: Track, true: Track, pattern: re.Pattern[str] | None, duration_s: float | None
) -> EvaluationCase:
    """Select the anomalous events of both sides.

    The length of the clip is ``duration_s``, or else the length that a run recorded, or else the last end of any row.

    Raises:
        InputError: events overlap, or end after the clip.
        UsageError: a side is described in words, and there is no pattern.
    """
    known_s = next((each for each in (duration_s, predicted.duration_s, true.duration_s) if each is not None), None)
    length_s = last_end_s((predicted, true)) if known_s is None else known_s
    predicted, true = fitted(predicted, length_s), fitted(true, length_s)
    clip = ClipAnomalies(
        stem,
        predicted=anomalies_of(predicted, pattern),
        true=anomalies_of(true, pattern),
        duration_s=max(length_s, last_end_s((predicted, true))),
        duration_known=known_s is not None,
    )
    notes = (track.note for track in (predicted, true) if track.note)
    return EvaluationCase(clip, (*predicted.broken, *true.broken), tuple(notes))


def _list(stems: Iterable[str | None]) -> str:
    return ", ".join(sorted(repr(stem) for stem in stems if stem is not None))


def _named(predicted: Sequence[Track], true: Sequence[Track], stem: str) -> tuple[Track, Track]:
    known = {track.stem for track in (*predicted, *true)}
    if stem not in known:
        raise UsageError(f"--clip {stem}: there is no such clip; expected one of {_list(known)}")
    return _choose(predicted, stem), _choose(true, stem)


def _choose(tracks: Sequence[Track], stem: str) -> Track:
    if len(tracks) == 1:
        return tracks[0]
    for track in tracks:
        if track.stem == stem:
            return track
    raise UsageError(
        f"--clip {stem}: one side has no such clip; expected one of {_list(track.stem for track in tracks)}"
    )


def _only(predicted: Sequence[Track], true: Sequence[Track]) -> tuple[str, Track, Track]:
    many = next((tracks for tracks in (predicted, true) if len(tracks) > 1), None)
    if many:
        raise UsageError(
            f"several clips could be meant: name one with --clip, one of {_list(track.stem for track in many)}"
        )
    return predicted[0].stem or true[0].stem or "clip", predicted[0], true[0]
