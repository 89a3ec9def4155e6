"""An aligned episode as an HDF5 file: the source's, with other pictures, and where each of their pixels comes from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from stream.alignment.episodes.coding import decoded
from stream.alignment.episodes.hdf5 import RECORD, open_file
from stream.alignment.episodes.spool import SpooledFrame
from stream.errors import DamagedError
from stream.pipeline.items import UInt8
from stream.records.store.atomic import replaced_when_whole
from stream.records.store.hdf5_output import VERSIONS, Hdf5Output

if TYPE_CHECKING:
    import h5py

ORIGIN_SUFFIX: Final = "_origin"


@dataclass(frozen=True, slots=True)
class AlignedPictures:
    """What is written of an episode's frames."""

    key: str
    """Data set of the pictures."""
    frames: Iterable[SpooledFrame]
    """In order, without those that are dropped."""
    kept: Sequence[int]
    """Their numbers in the source."""
    width_px: int
    height_px: int
    is_raw: bool
    """As (N, H, W, 3) BGR values; otherwise as the bytes of one picture file each."""


def write_from_source(path: Path, source: Path, pictures: AlignedPictures, record: str) -> None:
    """Write a copy of an HDF5 episode with other pictures.

    All other data sets and attributes are kept, chunked and compressed as they were. If frames are dropped, those
    data sets that have one row a frame lose their rows.

    Raises:
        OSError: the disk is full, or fails.
    """
    import h5py

    with (
        open_file(source) as original,
        replaced_when_whole(path) as part,
        Hdf5Output(part) as output,
        h5py.File(output, "w", libver=VERSIONS, track_order=_keeps_order(original)) as file,
    ):
        _Copy(original, file, pictures, output).write()
        file.attrs[RECORD] = record


def write_new(path: Path, pictures: AlignedPictures, record: str) -> None:
    """Write an HDF5 episode of pictures alone, for a source that is none.

    Raises:
        OSError: the disk is full, or fails.
    """
    import h5py

    with replaced_when_whole(path) as part, Hdf5Output(part) as output, h5py.File(output, "w", libver=VERSIONS) as file:
        data_set = file.create_dataset(
            pictures.key, (len(pictures.kept),), h5py.vlen_dtype(np.uint8), track_times=False
        )
        _write_frames(data_set, _origins(file, pictures), pictures, output)
        file.attrs[RECORD] = record


class _Copy:
    """Copies one file."""

    def __init__(self, original: "h5py.File", file: "h5py.File", pictures: AlignedPictures, output: Hdf5Output) -> None:
        self._original, self._file, self._pictures, self._output = original, file, pictures, output
        self._key = original[pictures.key].name
        frames = original[pictures.key].shape[0]
        self._rows = None if len(pictures.kept) == frames else np.asarray(pictures.kept)
        self._frames = frames

    def write(self) -> None:
        self._copy_group(self._original, self._file)
        original = self._original[self._key]
        size = (self._pictures.height_px, self._pictures.width_px, 3) if self._pictures.is_raw else ()
        data_set = _create_like(self._file, self._key, original, (len(self._pictures.kept), *size))
        _copy_attributes(original, data_set)
        _write_frames(data_set, _origins(self._file, self._pictures), self._pictures, self._output)

    def _copy_group(self, source: "h5py.Group", target: "h5py.Group") -> None:
        import h5py

        _copy_attributes(source, target)
        for name in source:
            link = source.get(name, getlink=True)
            if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
                target[name] = link
                continue
            child = source[name]
            if child.name == self._key:
                continue
            if isinstance(child, h5py.Group):
                self._copy_group(child, target.create_group(name, track_order=_keeps_order(child)))
            elif self._rows is not None and isinstance(child, h5py.Dataset) and child.shape[:1] == (self._frames,):
                self._copy_rows(child, target)
            else:
                source.copy(child, target, name)
            self._output.raise_error()

    def _copy_rows(self, source: "h5py.Dataset", target: "h5py.Group") -> None:
        """Copy the rows of the frames that are kept."""
        copy = _create_like(target, source.name, source, (len(self._pictures.kept), *source.shape[1:]))
        _copy_attributes(source, copy)
        for row, index in enumerate(self._pictures.kept):
            copy[row] = source[index]
            self._output.raise_error()


def _keeps_order(group: "h5py.Group") -> bool:
    """Whether a group lists its members in the order in which they were added."""
    return bool(group.id.get_create_plist().get_link_creation_order())


def _create_like(group: "h5py.Group", name: str, source: "h5py.Dataset", shape: tuple[int, ...]) -> "h5py.Dataset":
    """An empty data set of another shape, with the type, the chunks and the filters of ``source``."""
    import h5py

    creation = source.id.get_create_plist().copy()
    creation.set_obj_track_times(False)  # the same frames give the same bytes
    limits = source.maxshape
    if source.chunks is not None:
        creation.set_chunk(tuple(max(1, min(each)) for each in zip(source.chunks, shape, strict=True)))
    largest = tuple(None if limit is None else size for limit, size in zip(limits, shape, strict=True))
    space = h5py.h5s.create_simple(shape, tuple(h5py.h5s.UNLIMITED if each is None else each for each in largest))
    return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), source.id.get_type(), space, dcpl=creation))


def _copy_attributes(source: Any, target: Any) -> None:  # noqa: ANN401 - h5py has no types
    for name in source.attrs:
        kind = source.attrs.get_id(name)
        target.attrs.create(name, source.attrs[name], shape=kind.shape, dtype=kind.dtype)


def _origins(file: "h5py.File", pictures: AlignedPictures) -> "h5py.Dataset":
    """The empty data set of origins: one chunk a frame."""
    size = pictures.height_px, pictures.width_px
    return file.create_dataset(
        pictures.key + ORIGIN_SUFFIX,
        (len(pictures.kept), *size),
        np.uint8,
        chunks=(1, *size),
        compression="gzip",
        compression_opts=4,
        track_times=False,
    )


def _write_frames(
    data_set: "h5py.Dataset", origins: "h5py.Dataset", pictures: AlignedPictures, output: Hdf5Output
) -> None:
    for row, frame in enumerate(pictures.frames):
        if pictures.is_raw:
            data_set[row] = _picture(frame.picture, cv2.IMREAD_COLOR_BGR)
        else:
            data_set[row] = np.frombuffer(frame.picture, np.uint8)
        origins[row] = _picture(frame.origin, cv2.IMREAD_GRAYSCALE)
        output.raise_error()


def _picture(content: bytes, flag: int) -> UInt8:
    found = decoded(content, flag)
    if found is None:
        raise DamagedError(Path("frames.bin"), "a frame is no picture")
    return found
