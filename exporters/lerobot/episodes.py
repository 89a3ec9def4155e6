"""The table of a LeRobot data set's episodes, with our own columns beside those that LeRobot reads."""

from collections.abc import Iterator
from typing import Any

from exporters.dataset.data_set import DataSet, episode_facts
from exporters.lerobot.features import CAMERA, EPISODES_PER_CHUNK
from exporters.lerobot.frames import Numbering

EPISODES_PER_FILE = 500
"""Episodes whose frames share a Parquet file."""


def data_file(episode_index: int) -> tuple[int, int]:
    """Chunk and file that hold an episode's frames."""
    return divmod(episode_index // EPISODES_PER_FILE, EPISODES_PER_CHUNK)


def video_file(episode_index: int) -> tuple[int, int]:
    """Chunk and file that hold an episode's video: one file each, so times in it are exact in float32."""
    return divmod(episode_index, EPISODES_PER_CHUNK)


def episode_rows(data_set: DataSet, numbering: Numbering) -> Iterator[dict[str, Any]]:
    """One row for each episode."""
    for number, row in enumerate(numbering.rows):
        data, video = data_file(number), video_file(number)
        facts = episode_facts(data_set, row)
        del facts["frames"], facts["split"]
        yield {
            "episode_index": number,
            "tasks": [row.episode.caption],
            "length": row.episode.frames,
            "data/chunk_index": data[0],
            "data/file_index": data[1],
            "dataset_from_index": int(numbering.first_index[number]),
            "dataset_to_index": int(numbering.first_index[number + 1]),
            f"videos/{CAMERA}/chunk_index": video[0],
            f"videos/{CAMERA}/file_index": video[1],
            f"videos/{CAMERA}/from_timestamp": 0.0,
            f"videos/{CAMERA}/to_timestamp": row.episode.frames / row.episode.fps,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            **facts,
        }
