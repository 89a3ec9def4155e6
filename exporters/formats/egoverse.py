"""Zarr v3 stores as EgoVerse reads them: one ``KEY.zarr`` an episode, with its pictures and annotations.

Source: ``egomimic/rldb/zarr/zarr_dataset_multi.py`` and ``zarr_writer.py`` of GaTech-RL2/EgoVerse. Its readers take
annotations as half-open: ``start_idx <= frame < end_idx``.
"""

import json
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode
from exporters.dataset.extra import require_extra
from exporters.dataset.pictures import jpegs
from exporters.dataset.record import episode_record, outdated
from exporters.dataset.rows import Row
from exporters.dataset.spans import action_spans
from stream.records.store.atomic import replaced_folder

if TYPE_CHECKING:
    import zarr

PICTURES: Final = "images.front_1"
ANNOTATIONS: Final = "annotations"
EMBODIMENT: Final = "human_bimanual"
"""EgoVerse's name for all recordings of people."""
FRAMES_PER_SHARD: Final = 100
"""As EgoVerse pads its arrays; a shard is one file, and all of it that is in memory at once."""

require = partial(require_extra, "zarr", "zarr")


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``KEY.zarr``, each with its record in ``KEY.json``."""
    for root, rows in data_set.roots(folder):
        for row, path in outdated(data_set, rows, root, lambda _, row: f"{row.episode.key}.zarr"):
            with replaced_folder(path) as part, warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*does not have a Zarr V3 specification")
                _write_episode(data_set, row, part)
        describe(root, data_set, rows, tags=("zarr",))


def annotations(episode: Episode) -> list[dict[str, Any]]:
    """The subtasks, each with the frames from ``start_idx`` up to ``end_idx``."""
    spans = action_spans(episode, episode.fps)
    return [{"text": span.text, "start_idx": span.start, "end_idx": span.stop} for span in spans]


def _write_episode(data_set: DataSet, row: Row, path: Path) -> None:
    """Write one store; its attributes last, without which EgoVerse leaves it out."""
    import zarr

    store = zarr.open_group(str(path), mode="w", zarr_format=3)
    _write_pictures(store, jpegs(data_set.clip(row)), row.episode.frames)
    spans = annotations(row.episode)
    _write_bytes(store, ANNOTATIONS, [json.dumps(span).encode() for span in spans])
    picture = {
        "dtype": "jpeg",
        "shape": [row.clip.height_px, row.clip.width_px, 3],
        "names": ["height", "width", "channel"],
    }
    store.attrs.update(
        {
            "embodiment": EMBODIMENT,
            "total_frames": row.episode.frames,
            "fps": row.episode.fps,
            "task_name": row.episode.caption,
            "task_description": row.episode.caption,
            "features": {
                PICTURES: picture,
                ANNOTATIONS: {"dtype": "json", "shape": [len(spans)], "names": ["text", "start_idx", "end_idx"]},
            },
            "egoclean_stream": episode_record(data_set, row),
        }
    )


def _write_pictures(store: "zarr.Group", pictures: Iterable[bytes], frames: int) -> None:
    """One picture a chunk. The array is padded to whole shards with the last one; ``total_frames`` says how many."""
    from zarr.core.dtype import VariableLengthBytes

    padded = -(-frames // FRAMES_PER_SHARD) * FRAMES_PER_SHARD
    array = store.create_array(
        PICTURES,
        shape=(padded,),
        chunks=(1,),
        shards=(FRAMES_PER_SHARD,),
        dtype=VariableLengthBytes(),
        compressors=None,
    )
    for start, shard in enumerate(_shards(pictures)):
        array[start * FRAMES_PER_SHARD : (start + 1) * FRAMES_PER_SHARD] = shard


def _shards(pictures: Iterable[bytes]) -> "Iterator[np.ndarray[tuple[int], np.dtype[np.object_]]]":
    remaining = iter(pictures)
    while some := list(islice(remaining, FRAMES_PER_SHARD)):
        yield _objects(some + some[-1:] * (FRAMES_PER_SHARD - len(some)))


def _write_bytes(store: "zarr.Group", name: str, entries: list[bytes]) -> None:
    from zarr.core.dtype import VariableLengthBytes

    shape = (len(entries),)
    array = store.create_array(
        name, shape=shape, chunks=(max(1, len(entries)),), dtype=VariableLengthBytes(), compressors=None
    )
    if entries:
        array[:] = _objects(entries)


def _objects(entries: list[bytes]) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    """(n,) object: NumPy would make fixed-length strings of bytes, without their last zeros."""
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array
