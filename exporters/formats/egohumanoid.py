"""HDF5 files as EgoHumanoid stores pictures: one flat ``episode_N.hdf5`` an episode.

Source: ``data_alignment/`` of OpenDriveLab/EgoHumanoid: ``human_data_process/merge_camera_only.py`` writes the
pictures, ``human_data_process/export_videos.py`` and ``view_alignment/viewport_transform_batch_h5.py`` read them.
Poses, hands, navigation commands and ``timestamp_diff_ms``, the distance to a body tracker's clock, are not written:
a head camera measures none of them.
"""

import json
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.extra import require_extra
from exporters.dataset.pictures import jpegs
from exporters.dataset.record import episode_record, outdated
from exporters.dataset.rows import Row
from stream.records.store.atomic import replaced_when_whole

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PICTURES: Final = "observation_image_left"
"""EgoHumanoid's name of the only camera that its tools need."""
_VERSIONS: Final = ("v110", "v110")
"""Oldest and newest HDF5 whose structures are used: attributes may exceed 64 KiB, and HDF5 1.10 reads them."""

require = partial(require_extra, "h5py", "hdf5")


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``episode_N.hdf5``, N from 0 in the order of episodes, each with its record in ``episode_N.json``."""
    for root, rows in data_set.roots(folder):
        for row, path in outdated(data_set, rows, root, lambda number, _: f"episode_{number}.hdf5"):
            _write_episode(data_set, row, path)
        describe(root, data_set, rows, tags=("hdf5",))


def _write_episode(data_set: DataSet, row: Row, path: Path) -> None:
    """Write one file.

    ``observation_image_left`` is (frames,) of JPEG bytes, uint8, ``camera_timestamp`` (frames,) int64, nanoseconds
    from the source's first frame.
    """
    import h5py

    episode = row.episode
    with (
        replaced_when_whole(path) as part,
        _Output(part) as output,
        h5py.File(output, "w", libver=_VERSIONS) as file,
    ):
        shape = (episode.frames,)
        pictures = file.create_dataset(PICTURES, shape, h5py.vlen_dtype(np.uint8), track_times=False)
        for number, jpeg in enumerate(jpegs(data_set.clip(row))):
            pictures[number] = np.frombuffer(jpeg, np.uint8)
            output.raise_error()
        times_s = episode.t_start_s + np.arange(episode.frames) / episode.fps
        times_ns = np.round(times_s * 1e9).astype(np.int64)
        file.create_dataset("camera_timestamp", data=times_ns, track_times=False)
        file.attrs.update(_attributes(data_set, row))


class _Output(FileIO):
    """The file that HDF5 writes to, which keeps the first error of a write for :meth:`raise_error`.

    HDF5 cannot close a file that it cannot write, and crashes when the process ends. It is told that all is well,
    and what it writes after the error is dropped.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._error: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of ``data``."""
        rest = memoryview(data).cast("B")
        size_bytes = rest.nbytes
        try:
            while rest.nbytes and self._error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._error = error
        return size_bytes

    def truncate(self, size: int | None = None, /) -> int:
        """Set the size, in bytes."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return self.tell() if size is None else size

    def raise_error(self) -> None:
        """Raise the error of the first write that failed, an ``OSError``, if there is one."""
        if self._error is not None:
            raise self._error

    def __exit__(self, *about: object) -> None:
        """Close the file; raise what failed while HDF5 closed its own."""
        super().__exit__(*about)  # type: ignore[arg-type]
        self.raise_error()


def _attributes(data_set: DataSet, row: Row) -> dict[str, Any]:
    record = episode_record(data_set, row)
    provenance = record.pop("provenance")
    return {
        "fps": row.episode.fps,
        "task": row.episode.caption.replace("\0", ""),  # which ends a text in HDF5
        "episode": json.dumps(record),
        "provenance": json.dumps(provenance),
    }
