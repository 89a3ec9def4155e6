"""HDF5 files as EgoHumanoid stores pictures: one flat ``episode_N.hdf5`` an episode.

Source: ``data_alignment/`` of OpenDriveLab/EgoHumanoid: ``human_data_process/merge_camera_only.py`` writes the
pictures, ``human_data_process/export_videos.py`` and ``view_alignment/viewport_transform_batch_h5.py`` read them.
Poses, hands, navigation commands and ``timestamp_diff_ms``, the distance to a body tracker's clock, are not written:
a head camera measures none of them.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.extra import require_extra
from exporters.dataset.pictures import jpegs
from exporters.dataset.record import episode_record, outdated
from exporters.dataset.rows import Row
from stream.records.store.atomic import replaced_when_whole
from stream.records.store.hdf5_output import VERSIONS, Hdf5Output

PICTURES: Final = "observation_image_left"
"""EgoHumanoid's name of the only camera that its tools need."""

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
        Hdf5Output(part) as output,
        h5py.File(output, "w", libver=VERSIONS) as file,
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


def _attributes(data_set: DataSet, row: Row) -> dict[str, Any]:
    record = episode_record(data_set, row)
    provenance = record.pop("provenance")
    return {
        "fps": row.episode.fps,
        "task": row.episode.caption.replace("\0", ""),  # which ends a text in HDF5
        "episode": json.dumps(record),
        "provenance": json.dumps(provenance),
    }
