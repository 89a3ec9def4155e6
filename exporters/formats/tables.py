"""Parquet tables without video: episodes, actions with their boxes, and windows with their embeddings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.parquet import schema_of, write_parquet, write_rows
from exporters.dataset.rows import Row
from exporters.run_view import RunView, view_run
from stream.errors import NoWindowsError

if TYPE_CHECKING:
    import pyarrow as pa


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``windows/RUN.parquet`` for the runs at hand, ``actions.parquet``, and ``episodes.parquet`` last."""
    provenance = {"egoclean-stream": json.dumps(data_set.provenance(data_set.rows))}
    for run_id, run_folder in data_set.run_folders.items():
        view = view_run(run_folder)
        if (tables := _window_tables(view)) is not None:
            schema, groups = tables
            write_parquet(folder / "windows" / f"{view.stem}-{run_id}.parquet", schema, groups)
    actions = (action for row in data_set.rows for action in _actions(row))
    write_rows(folder / "actions.parquet", _action_schema().with_metadata(provenance), actions)
    facts = (episode_facts(data_set, row) for row in data_set.rows)
    schema = schema_of(episode_facts(data_set, data_set.rows[0])).with_metadata(provenance)
    write_rows(folder / "episodes.parquet", schema, facts)
    names = ["episodes", "actions", *(["windows"] if (folder / "windows").exists() else [])]
    files = {"windows": "windows/*.parquet"}
    configs = {name: {"train": files.get(name, f"{name}.parquet")} for name in names}
    describe(folder, data_set, data_set.rows, tags=("tabular",), configs=configs)


def _actions(row: Row) -> Iterator[dict[str, Any]]:
    for action in row.episode.actions:
        yield {"key": row.episode.key, "segment_id": row.episode.segment_id, **action.model_dump()}


def _action_schema() -> "pa.Schema":
    import pyarrow as pa

    box = pa.struct(
        [
            ("name", pa.string()),
            ("rigid", pa.bool_()),
            ("xyxy", pa.list_(pa.float64(), 4)),
            ("width_px", pa.int64()),
            ("height_px", pa.int64()),
            ("t_s", pa.float64()),
        ]
    )
    texts = [(name, pa.string()) for name in ("subtask", "scene", "motion", "prediction")]
    times = [("t_start_s", pa.float64()), ("t_end_s", pa.float64()), ("active", pa.bool_())]
    keys = [("key", pa.string()), ("segment_id", pa.string())]
    return pa.schema([*keys, *times, *texts, ("objects", pa.list_(box))])


def _window_tables(view: RunView) -> "tuple[pa.Schema, Iterator[pa.Table]] | None":
    """The windows of a run, some at a time, with the embeddings that the encoder gave; None if it has none.

    Raises:
        InputError: its arrays are damaged.
    """
    import pyarrow as pa

    try:
        windows = view.windows
    except NoWindowsError:
        return None
    first = next(windows.stored_blocks())
    schema = pa.schema([("t_s", pa.float64()), ("embedding", pa.list_(pa.float32(), first.shape[1]))])

    def tables() -> "Iterator[pa.Table]":
        start = 0
        for block in windows.stored_blocks():
            times = pa.array(windows.t_s[start : start + len(block)])
            flat = pa.array(np.ascontiguousarray(block).ravel())
            yield pa.Table.from_arrays([times, pa.FixedSizeListArray.from_arrays(flat, block.shape[1])], schema=schema)
            start += len(block)

    return schema, tables()
