"""LeRobotDataset v2.1: what LeRobot up to 0.3, openpi and GR00T read; one Parquet file and one MP4 an episode.

Layout and fields: ``src/lerobot/datasets/utils.py`` of huggingface/lerobot, tag v0.3.3. ``meta/modality.json``:
``LeRobotModalityMetadata`` in ``gr00t/data/schema.py`` of NVIDIA/Isaac-GR00T.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.parquet import table_bytes
from exporters.dataset.store import link
from exporters.lerobot.features import CAMERA, EPISODES_PER_CHUNK, FRAME_COLUMNS, FRAMES, PROVENANCE, features_of
from exporters.lerobot.files import json_line, write_json, write_json_lines
from exporters.lerobot.frames import Column, Numbering, frame_columns, number
from exporters.lerobot.statistics import column_statistics, picture_statistics
from exporters.lerobot.subtasks import number_subtasks, subtask_column
from stream.records.store.atomic import replace_file

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION: Final = "v2.1"
_DATA: Final = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
_VIDEO: Final = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
_SUBTASK: Final = "annotation.human.action.subtask"
"""Column of the subtasks, as numbers in ``tasks.jsonl``; GR00T finds the columns of annotations by this prefix."""


def write(data_set: DataSet, folder: Path) -> None:
    """Write the data set, or one for each split; ``meta/info.json`` last.

    LeRobot loads every file under ``data/`` and compares it with the metadata. So ``info.json`` is taken away while
    any of them changes: a data set that is killed then has no metadata, instead of one that contradicts its frames.
    """
    for split, rows in data_set.splits():
        root = folder / split if data_set.is_split() else folder
        numbering = number(rows)
        has_subtasks = data_set.header.options.get("language") != "none"
        texts = number_subtasks(rows, numbering.tasks) if has_subtasks else numbering.tasks
        for index, row in enumerate(rows):
            link(data_set.clip(row), root / _path(_VIDEO, index))
        columns = {_SUBTASK: texts} if has_subtasks else {}
        _write_texts(root / "meta", texts)
        for index, found in enumerate(_columns(numbering, columns)):
            _write_frames(root, index, found)
        _write_meta(data_set, numbering, root, texts, columns)


def _write_texts(meta: Path, texts: dict[str, int]) -> None:
    """Write ``tasks.jsonl``. If texts were not only added, what frames refer to changes, and ``info.json`` goes."""
    path = meta / "tasks.jsonl"
    before = path.read_bytes() if path.exists() else b""
    content = b"".join(json_line({"task_index": at, "task": text}) for text, at in texts.items())
    if not content.startswith(before):
        (meta / "info.json").unlink(missing_ok=True)
    meta.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


def _columns(numbering: Numbering, subtasks: dict[str, dict[str, int]]) -> Iterator[dict[str, Column]]:
    """The columns of each episode's frames."""
    for index, row in enumerate(numbering.rows):
        columns = frame_columns(numbering, index, index + 1)
        yield columns | {name: subtask_column(row.episode, numbers) for name, numbers in subtasks.items()}


def _write_frames(root: Path, index: int, columns: dict[str, Column]) -> None:
    """Write the frames of an episode if its file differs."""
    path = root / _path(_DATA, index)
    content = table_bytes(_table(columns))
    if not path.exists() or path.read_bytes() != content:
        (root / "meta/info.json").unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)


def _statistics(numbering: Numbering, subtasks: dict[str, dict[str, int]]) -> Iterator[dict[str, Any]]:
    """The statistics of each episode."""
    for index, (row, columns) in enumerate(zip(numbering.rows, _columns(numbering, subtasks), strict=True)):
        found = {name: column_statistics(column) for name, column in columns.items()}
        yield {"episode_index": index, "stats": {CAMERA: picture_statistics([row], with_quantiles=False), **found}}


def _table(columns: dict[str, Column]) -> "pa.Table":
    import pyarrow as pa

    return pa.table({name: pa.array(column, FRAME_COLUMNS.get(name, "int64")) for name, column in columns.items()})


def _write_meta(
    data_set: DataSet,
    numbering: Numbering,
    root: Path,
    texts: dict[str, int],
    columns: dict[str, dict[str, int]],
) -> None:
    meta, rows, subtasks = root / "meta", numbering.rows, list(columns)
    episodes = (
        {"episode_index": index, "tasks": [row.episode.caption], "length": row.episode.frames}
        for index, row in enumerate(rows)
    )
    write_json_lines(meta / "episodes.jsonl", episodes)
    write_json_lines(meta / "episodes_stats.jsonl", _statistics(numbering, columns))
    write_json_lines(
        meta / "segments.jsonl",
        ({"episode_index": index, **episode_facts(data_set, row)} for index, row in enumerate(rows)),
    )
    write_json(meta / "modality.json", _modality(subtasks))
    describe(root, data_set, rows, tags=("LeRobot",), configs=FRAMES, provenance=PROVENANCE)
    write_json(meta / "info.json", _info(data_set, numbering, texts, subtasks))


def _modality(subtasks: Sequence[str]) -> dict[str, Any]:
    """What GR00T finds under which key. State and action are required there, and empty: nothing measured them."""
    annotations = {"human.action.task_description": {"original_key": "task_index"}}
    annotations |= {name.removeprefix("annotation."): {"original_key": name} for name in subtasks}
    return {"state": {}, "action": {}, "video": {"ego": {"original_key": CAMERA}}, "annotation": annotations}


def _info(data_set: DataSet, numbering: Numbering, texts: dict[str, int], subtasks: Sequence[str]) -> dict[str, Any]:
    count = len(numbering.rows)
    extra = {name: {"dtype": "int64", "shape": [1], "names": None} for name in subtasks}
    return {
        "codebase_version": _VERSION,
        "robot_type": "human",
        "total_episodes": count,
        "total_frames": numbering.frames,
        "total_tasks": len(texts),
        "total_videos": count,
        "total_chunks": -(-count // EPISODES_PER_CHUNK),
        "chunks_size": EPISODES_PER_CHUNK,
        "fps": data_set.header.fps,
        "splits": {"train": f"0:{count}"},
        "data_path": _DATA,
        "video_path": _VIDEO,
        "features": features_of(data_set, extra),
    }


def _path(pattern: str, index: int) -> str:
    return pattern.format(episode_chunk=index // EPISODES_PER_CHUNK, episode_index=index, video_key=CAMERA)
