"""Aligned episodes as they were written: their pictures, the origin of each pixel, and the records."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from pydantic import ValidationError

from stream.alignment.episodes.coding import as_png, decoded
from stream.alignment.episodes.hdf5 import ENDINGS, RECORD, open_file
from stream.alignment.episodes.hdf5_output import ORIGIN_SUFFIX
from stream.alignment.episodes.output import EpisodeOutput
from stream.errors import SourceError
from stream.pipeline.items import UInt8
from stream.records.schema.alignment import AlignedFrameRecord, AlignmentRecord

if TYPE_CHECKING:
    import h5py


class AlignmentResult(Protocol):
    """The result of one episode, open for reading; ``row`` counts the frames that were not dropped."""

    path: Path
    """The HDF5 file, or the folder of pictures."""
    record: AlignmentRecord

    def content(self, row: int) -> bytes:
        """A picture as it was stored first: a file's bytes, raw ones as PNG."""

    def origin(self, row: int) -> UInt8:
        """(H, W), values of ``Origin``."""

    def close(self) -> None:
        """Release its file."""


class AlignedFile:
    """An HDF5 episode that ``align`` wrote."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            ModelUnavailableError: h5py is not installed.
            SourceError: it cannot be read, or is no aligned episode.
        """
        self.path = path
        self._file = open_file(path)
        try:
            self.record = _recorded(self._file, path)
            key = str(self.record.options["image_key"])
            self._pictures, self._origins = self._file[key], self._file[key + ORIGIN_SUFFIX]
        except KeyError as error:
            self.close()
            raise SourceError(f"{path} lacks the pictures of an aligned episode: {error.args[0]}") from error
        except BaseException:
            self.close()
            raise

    def content(self, row: int) -> bytes:
        stored = self._pictures[row]
        if self._pictures.ndim == 4:
            return as_png(stored)
        return np.asarray(stored, np.uint8).tobytes()

    def origin(self, row: int) -> UInt8:
        return np.asarray(self._origins[row], np.uint8)

    def close(self) -> None:
        self._file.close()


class AlignedFolder:
    """A folder of pictures that ``align`` wrote, with its record beside it."""

    def __init__(self, path: Path) -> None:
        """Read the record.

        Raises:
            SourceError: it is no aligned episode.
        """
        self.path = path
        beside = EpisodeOutput(path.parent, path.name, save_h5=False).record
        try:
            self.record = _parsed(beside.read_text(encoding="utf-8"), beside)
        except OSError as error:
            raise SourceError(f"{path} is no aligned episode: {beside} cannot be read: {error.strerror}") from error

    def content(self, row: int) -> bytes:
        return self._read(row, "result")

    def origin(self, row: int) -> UInt8:
        content = self._read(row, "origin")
        found = decoded(content, cv2.IMREAD_GRAYSCALE)
        if found is None:
            raise SourceError(f"the origin of frame {kept_frames(self.record)[row]} of {self.path} is no whole picture")
        return found

    def close(self) -> None:
        """No file stays open."""

    def _read(self, row: int, what: str) -> bytes:
        path = self.path / f"frame_{kept_frames(self.record)[row]:06d}_{what}.png"
        try:
            return path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def open_aligned(path: Path) -> AlignmentResult:
    """The result of an episode: an HDF5 file, or a folder of pictures.

    Raises:
        ModelUnavailableError: h5py is not installed.
        SourceError: it is no aligned episode.
    """
    return AlignedFolder(path.resolve()) if path.is_dir() else AlignedFile(path)


def picture_of(aligned: AlignmentResult, row: int) -> UInt8:
    """(H, W, 3) BGR.

    Raises:
        SourceError: its bytes are no picture.
    """
    found = decoded(aligned.content(row))
    if found is None:
        raise SourceError(f"picture {row} of {aligned.path} is no whole picture")
    return found


def kept_frames(record: AlignmentRecord) -> Sequence[int]:
    """The frames of the source that were not dropped, in order: row N of the result is the Nth of them."""
    dropped = frozenset(record.dropped_frames)
    return [index for index in range(record.frames) if index not in dropped]


def frame_records(aligned: AlignmentResult) -> dict[int, AlignedFrameRecord]:
    """The records of the frames by their number in the source; empty if the file beside the result is gone.

    Raises:
        SourceError: the file is damaged.
    """
    is_file = aligned.path.suffix in ENDINGS
    path = EpisodeOutput(aligned.path.parent, aligned.record.episode, save_h5=is_file).frame_records
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        records = [AlignedFrameRecord.model_validate(json.loads(line)) for line in lines]
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} is damaged: align the episode again with --overwrite") from error
    return {each.index: each for each in records}


def _recorded(file: "h5py.File", path: Path) -> AlignmentRecord:
    text = file.attrs.get(RECORD)
    if not isinstance(text, str):
        raise SourceError(
            f"{path} is no aligned episode, which would have the attribute {RECORD}: name a file of `align`"
        )
    return _parsed(text, path)


def _parsed(text: str, path: Path) -> AlignmentRecord:
    try:
        return AlignmentRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError(
            f"{path} holds no record of an alignment that can be read: {place}: {first['msg']}"
        ) from error
