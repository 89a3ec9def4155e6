"""Frames of an episode beside what became of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from stream.alignment.episodes.aligned import AlignmentResult, frame_records, kept_frames, picture_of
from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.frame_choice import chosen_sources
from stream.alignment.sheets.comparison import ComparedFrame, shares_text
from stream.errors import InputError, UsageError
from stream.records.schema.alignment import AlignedFrameRecord


def compared_frames(
    source: EpisodeSource, aligned: AlignmentResult, numbers: Sequence[int]
) -> Iterator[tuple[int, ComparedFrame]]:
    """Each frame by its number in the source.

    Raises:
        InputError: a frame of the source cannot be read.
        UsageError: a frame was dropped, or is not there.
    """
    rows = {index: row for row, index in enumerate(kept_frames(aligned.record))}
    for number in numbers:
        if number not in rows:
            raise UsageError(
                f"--frames {number}: {aligned.path} does not hold this frame; it has {len(rows)} of the "
                f"{aligned.record.frames} frames of its source"
            )
    records = frame_records(aligned)
    for frame in chosen_sources(source, numbers):
        row = rows[frame.index]
        final = picture_of(aligned, row)
        if frame.picture is None:
            raise InputError(f"frame {frame.index} of {source.path} cannot be compared: {frame.problem}")
        label = _label(frame.index, records.get(frame.index))
        yield frame.index, ComparedFrame(label, frame.picture, final, aligned.origin(row))


def require_same_episode(source: EpisodeSource, aligned: AlignmentResult, place: Path) -> None:
    """Refuse an aligned episode that was made from another file.

    Raises:
        UsageError: it was.
    """
    found, recorded = source.sha256(), aligned.record.source
    if found != recorded.sha256:
        raise UsageError(
            f"{aligned.path} was made from {recorded.file} with the SHA-256 {recorded.sha256[:12]}..., but that of "
            f"{place} is {found[:12]}...: name the episode that it was made from"
        )


def _label(number: int, record: AlignedFrameRecord | None) -> str:
    if record is None:
        return f"frame {number}"
    time = "" if record.t_s is None else f" at {record.t_s:.2f} s"
    shares = shares_text(record.real_share, record.borrowed_share, record.generated_share)
    flag = "  ·  flagged: what is protected is lost" if record.is_flagged else ""
    return f"frame {number}{time}  ·  {shares}{flag}"
