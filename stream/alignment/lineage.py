"""The lineage of one frame of an aligned episode, checked against the frame itself."""

import re
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from stream.alignment.episodes.aligned import AlignmentResult, frame_records, kept_frames, open_aligned
from stream.alignment.fill.frames import Origin
from stream.errors import SourceError, UsageError
from stream.records.schema.alignment import AlignedFrameRecord, AlignmentRecord

_NAME: Final = re.compile(r"frame_(\d+)_(?:result|origin)\.png")
_SHARE_ERROR_MAX: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where one frame comes from."""

    picture: str
    """What was asked for."""
    row: int
    """Of the frame among those that were not dropped."""
    record: AlignmentRecord
    frame: AlignedFrameRecord
    picture_sha256: str
    """Of the picture as it is now."""
    real_share: float
    """Of the pixels, by the origins as they are now."""
    borrowed_share: float
    generated_share: float

    @property
    def is_as_recorded(self) -> bool:
        """Whether picture and origins are those that the record is about."""
        return self.has_recorded_picture and self.has_recorded_origins

    @property
    def has_recorded_picture(self) -> bool:
        """Whether the picture has the recorded hash."""
        return self.picture_sha256 == self.frame.picture_sha256

    @property
    def has_recorded_origins(self) -> bool:
        """Whether the origins have the recorded shares."""
        recorded = (self.frame.real_share, self.frame.borrowed_share, self.frame.generated_share)
        found = (self.real_share, self.borrowed_share, self.generated_share)
        return all(abs(one - other) <= _SHARE_ERROR_MAX for one, other in zip(recorded, found, strict=True))

    def document(self) -> dict[str, Any]:
        """The same in plain JSON types."""
        return {
            "v": 1,
            "picture": self.picture,
            "row": self.row,
            "output_type": self.record.output_type,
            "is_as_recorded": self.is_as_recorded,
            "found": {
                "picture_sha256": self.picture_sha256,
                "real_share": self.real_share,
                "borrowed_share": self.borrowed_share,
                "generated_share": self.generated_share,
            },
            "frame": self.frame.model_dump(mode="json"),
            "episode": self.record.model_dump(mode="json"),
        }


def lineage_of(name: str) -> Lineage:
    """The lineage of ``EPISODE.h5#ROW``, or of a picture in a folder of aligned pictures.

    Raises:
        ModelUnavailableError: h5py is not installed.
        SourceError: it is no frame of an aligned episode, or cannot be read.
        UsageError: it names no frame.
    """
    path, hash_mark, number = name.rpartition("#")
    if hash_mark and not Path(name).exists():
        if not number.isdecimal():
            raise UsageError(f"{name} names no frame: give the number of a row behind the #, such as {path}#12")
        with closing(open_aligned(Path(path))) as aligned:
            return _lineage(name, aligned, int(number))
    picture = Path(name)
    named = _NAME.fullmatch(picture.name)
    if named is None:
        raise UsageError(
            f"{name} names no frame: give EPISODE.h5#N, or a picture of `align`, such as frame_000012_result.png"
        )
    with closing(open_aligned(picture.parent)) as aligned:
        rows = {index: row for row, index in enumerate(kept_frames(aligned.record))}
        if int(named[1]) not in rows:
            raise SourceError(f"{name} is no frame of {aligned.record.episode}, whose record has {len(rows)} frames")
        return _lineage(name, aligned, rows[int(named[1])])


def _lineage(name: str, aligned: AlignmentResult, row: int) -> Lineage:
    kept = kept_frames(aligned.record)
    if row >= len(kept):
        raise UsageError(f"{name}: {aligned.path} has {len(kept)} frames, numbered from 0")
    records = frame_records(aligned)
    if kept[row] not in records:
        raise SourceError(
            f"{aligned.path} has lost the records of its frames: put {aligned.record.episode}_alignment_frames.jsonl "
            "beside it"
        )
    origin = aligned.origin(row)
    real, borrowed, generated = (float(np.mean(origin == each)) for each in Origin)
    digest = sha256(aligned.content(row)).hexdigest()
    return Lineage(name, row, aligned.record, records[kept[row]], digest, real, borrowed, generated)
