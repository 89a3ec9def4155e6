"""LeRobotDataset v3.0, which LeRobot 0.4 and later reads.

Layout and fields: ``src/lerobot/datasets/`` of huggingface/lerobot, tags v0.4.4 to v0.6.1.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.parquet import schema_of, write_parquet, write_rows
from exporters.dataset.store import link
from exporters.lerobot.episodes import EPISODES_PER_FILE, data_file, episode_rows, video_file
from exporters.lerobot.features import CAMERA, EPISODES_PER_CHUNK, FRAME_COLUMNS, FRAMES, PROVENANCE, features_of
from exporters.lerobot.files import write_json
from exporters.lerobot.frames import Numbering, frame_columns, number
from exporters.lerobot.language import LANGUAGE_FEATURES, language_columns
from exporters.lerobot.statistics import frame_statistics, picture_statistics, subtask_statistics
from exporters.lerobot.subtasks import number_subtasks, subtask_column

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION: Final = "v3.0"
_EPISODES_PER_GROUP: Final = 50
_SUBTASK: Final = {"subtask_index": {"dtype": "int64", "shape": [1], "names": None}}


def write(data_set: DataSet, folder: Path) -> None:
    """Write the data set, or one for each split; ``meta/info.json`` last, so what exists always loads."""
    for split, rows in data_set.splits():
        root = folder / split if data_set.is_split() else folder
        _write_root(data_set, number(rows), root)


def _write_root(data_set: DataSet, numbering: Numbering, root: Path) -> None:
    language = str(data_set.header.options.get("language", "columns"))
    for index, row in enumerate(numbering.rows):
        chunk, file = video_file(index)
        link(data_set.clip(row), root / f"videos/{CAMERA}/chunk-{chunk:03d}/file-{file:03d}.mp4")
    subtasks = number_subtasks(numbering.rows, {"": 0}) if language == "subtask" else {}
    texts = {"task": numbering.tasks} | ({"subtask": subtasks} if subtasks else {})
    _withdraw_if_renumbered(root / "meta", texts)
    for name, numbers in texts.items():  # before the frames that refer to them
        _write_texts(root / f"meta/{name}s.parquet", name, numbers)
    for start in range(0, len(numbering.rows), EPISODES_PER_FILE):
        stop = min(start + EPISODES_PER_FILE, len(numbering.rows))
        chunk, file = data_file(start)
        path = root / f"data/chunk-{chunk:03d}/file-{file:03d}.parquet"
        schema = _frame_schema(language)
        write_parquet(path, schema, _frame_tables(data_set, numbering, (start, stop), schema, language, subtasks))
    _write_meta(data_set, numbering, root, language, subtasks)


def _write_meta(data_set: DataSet, numbering: Numbering, root: Path, language: str, subtasks: dict[str, int]) -> None:
    meta = root / "meta"
    write_rows(
        meta / "episodes/chunk-000/file-000.parquet",
        schema_of(next(episode_rows(data_set, numbering))),
        episode_rows(data_set, numbering),
    )
    texts = {"subtask_index": subtask_statistics(numbering, subtasks)} if language == "subtask" else {}
    pictures = picture_statistics(numbering.rows)
    write_json(meta / "stats.json", {**frame_statistics(numbering), **texts, CAMERA: pictures})
    describe(root, data_set, numbering.rows, tags=("LeRobot",), configs=FRAMES, provenance=PROVENANCE)
    extra = {"columns": LANGUAGE_FEATURES, "subtask": _SUBTASK}.get(language, {})
    write_json(
        meta / "info.json",
        {
            "codebase_version": _VERSION,
            "robot_type": "human",
            "total_episodes": len(numbering.rows),
            "total_frames": numbering.frames,
            "total_tasks": len(numbering.tasks),
            "chunks_size": EPISODES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": data_set.header.fps,
            "splits": {"train": f"0:{len(numbering.rows)}"},
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
            "features": features_of(data_set, extra),
        },
    )


def _frame_tables(
    data_set: DataSet,
    numbering: Numbering,
    span: tuple[int, int],
    schema: "pa.Schema",
    language: str,
    subtasks: dict[str, int],
) -> "Iterator[pa.Table]":
    """Frames as row groups of some episodes each: memory does not grow with the data set."""
    import numpy as np
    import pyarrow as pa

    for first in range(*span, _EPISODES_PER_GROUP):
        last = min(first + _EPISODES_PER_GROUP, span[1])
        rows = tuple(numbering.rows[first:last])
        columns = [pa.array(column) for column in frame_columns(numbering, first, last).values()]
        if language == "columns":
            columns += language_columns(data_set, rows)
        elif language == "subtask":
            columns.append(pa.array(np.concatenate([subtask_column(row.episode, subtasks) for row in rows])))
        yield pa.Table.from_arrays(columns, schema=schema)


def _frame_schema(language: str) -> "pa.Schema":
    import pyarrow as pa

    from exporters.lerobot.language import column_types

    fields = [(name, pa.type_for_alias(dtype)) for name, dtype in FRAME_COLUMNS.items()]
    if language == "columns":
        fields += list(zip(LANGUAGE_FEATURES, column_types(), strict=True))
    elif language == "subtask":
        fields.append(("subtask_index", pa.int64()))
    return pa.schema(fields)


def _withdraw_if_renumbered(meta: Path, texts: dict[str, dict[str, int]]) -> None:
    """Take ``info.json`` away if a text has another number than before, until all files agree again.

    Frames refer to texts by number. As long as a data set only grows, what is there remains right.
    """
    import pyarrow.parquet as pq

    for name, numbers in texts.items():
        path = meta / f"{name}s.parquet"
        before = pq.read_table(path).column(name).to_pylist() if path.exists() else []
        if before != list(numbers)[: len(before)]:
            (meta / "info.json").unlink(missing_ok=True)


def _write_texts(path: Path, name: str, numbers: dict[str, int]) -> None:
    """A table of texts by number. LeRobot reads it with pandas and needs the text as the index."""
    import pyarrow as pa

    pandas = {
        "index_columns": [name],
        "column_indexes": [],
        "columns": [
            {"name": f"{name}_index", "field_name": f"{name}_index", "pandas_type": "int64", "numpy_type": "int64",
             "metadata": None},
            {"name": name, "field_name": name, "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }  # fmt: skip
    fields = [(f"{name}_index", pa.int64()), (name, pa.string())]
    schema = pa.schema(fields, metadata={"pandas": json.dumps(pandas)})
    table = pa.Table.from_arrays([pa.array(list(numbers.values())), pa.array(list(numbers))], schema=schema)
    write_parquet(path, schema, [table])
