"""The language columns of LeRobot 0.6 and later: subtasks that hold from their time on, and boxes on their frame.

Source: ``src/lerobot/datasets/language.py`` and ``src/lerobot/annotations/`` of huggingface/lerobot 0.6.1.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from exporters.dataset.boxes import frame_boxes
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode
from exporters.dataset.rows import Row
from exporters.lerobot.features import CAMERA
from exporters.lerobot.subtasks import subtask_spans

if TYPE_CHECKING:
    import pyarrow as pa

LANGUAGE_FEATURES: Final[dict[str, dict[str, Any]]] = {
    "language_persistent": {"dtype": "language", "shape": [1], "names": None},
    "language_events": {"dtype": "language", "shape": [1], "names": None},
}
QUESTION: Final = "Which objects are handled or in the way? Answer with their bounding boxes."


def language_columns(data_set: DataSet, rows: Sequence[Row]) -> "list[pa.Array]":
    """``language_persistent`` and ``language_events`` of the frames of episodes, one entry a frame.

    All frames of an episode have the same persistent entries; an event belongs to one frame only.
    """
    import pyarrow as pa

    persistent_type, event_type = column_types()
    persistent = pa.array([_subtasks(row.episode) for row in rows], persistent_type)
    lengths = [row.episode.frames for row in rows]
    repeated = persistent.take(pa.array(np.repeat(np.arange(len(rows)), lengths)))
    return [repeated, _event_column(data_set, rows, event_type)]


def _event_column(data_set: DataSet, rows: Sequence[Row], event_type: "pa.DataType") -> "pa.Array":
    """The entries of all episodes one after another, and where those of each frame end: nearly all frames have none."""
    import pyarrow as pa

    entries: list[dict[str, Any]] = []
    ends: list[np.ndarray[Any, np.dtype[np.int32]]] = [np.zeros(1, np.int32)]
    for row in rows:
        counts = np.zeros(row.episode.frames, np.int32)
        for frame, pair in _boxes(data_set, row):
            counts[frame] = len(pair)
            entries += pair
        ends.append(ends[-1][-1] + np.cumsum(counts, dtype=np.int32))
    offsets = pa.array(np.concatenate(ends))
    return pa.ListArray.from_arrays(offsets, pa.array(entries, event_type.value_type), type=event_type)


def column_types() -> "tuple[pa.DataType, pa.DataType]":
    """The Arrow types of both columns. The order of fields matters: LeRobot casts to its own struct."""
    import pyarrow as pa

    role = pa.field("role", pa.string(), nullable=False)
    before = [role, pa.field("content", pa.string()), pa.field("style", pa.string())]
    after = [pa.field("camera", pa.string()), pa.field("tool_calls", pa.list_(pa.string()))]
    persistent = pa.struct([*before, pa.field("timestamp", pa.float32()), *after])
    return pa.list_(persistent), pa.list_(pa.struct([*before, *after]))


def _subtasks(episode: Episode) -> list[dict[str, Any]]:
    return [
        {"role": "assistant", "content": text, "style": "subtask", "timestamp": frame / episode.fps}
        for frame, text in subtask_spans(episode)
    ]


def _boxes(data_set: DataSet, row: Row) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A question and its answer on each frame that has boxes, in order of the frames."""
    detections: dict[int, list[dict[str, Any]]] = {}
    for box in frame_boxes(data_set, row):
        corners = [round(value, 1) for value in (box.x1_px, box.y1_px, box.x2_px, box.y2_px)]
        found = {"label": box.name, "bbox_format": "xyxy", "bbox": corners}
        detections.setdefault(box.frame, []).append(found)
    common = {"style": "vqa", "camera": CAMERA}
    for frame, boxes in sorted(detections.items()):
        answer = json.dumps({"detections": boxes})
        question = {"role": "user", "content": QUESTION, **common}
        yield frame, [question, {"role": "assistant", "content": answer, **common}]
