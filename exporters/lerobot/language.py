"""The language columns of LeRobot 0.6 and later: subtasks that hold from their time on, and boxes on their frame.

Source: ``src/lerobot/datasets/language.py`` and ``src/lerobot/annotations/`` of huggingface/lerobot 0.6.1.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from exporters.dataset.episode import Episode, EpisodeAction
from exporters.dataset.store import Row
from exporters.lerobot.features import CAMERA
from exporters.lerobot.subtasks import frame_at, subtask_spans

if TYPE_CHECKING:
    import pyarrow as pa

LANGUAGE_FEATURES: Final[dict[str, dict[str, Any]]] = {
    "language_persistent": {"dtype": "language", "shape": [1], "names": None},
    "language_events": {"dtype": "language", "shape": [1], "names": None},
}
QUESTION: Final = "Which objects are handled or in the way? Answer with their bounding boxes."


def language_columns(rows: Sequence[Row]) -> "list[pa.Array]":
    """``language_persistent`` and ``language_events`` of the frames of episodes, one entry a frame.

    All frames of an episode have the same persistent entries; an event belongs to one frame only.
    """
    import pyarrow as pa

    persistent_type, event_type = column_types()
    persistent = pa.array([_subtasks(row.episode) for row in rows], persistent_type)
    lengths = [row.episode.frames for row in rows]
    repeated = persistent.take(pa.array(np.repeat(np.arange(len(rows)), lengths)))
    return [repeated, _event_column(rows, event_type)]


def _event_column(rows: Sequence[Row], event_type: "pa.DataType") -> "pa.Array":
    """The entries of all episodes one after another, and where those of each frame end: nearly all frames have none."""
    import pyarrow as pa

    entries: list[dict[str, Any]] = []
    ends: list[np.ndarray[Any, np.dtype[np.int32]]] = [np.zeros(1, np.int32)]
    for row in rows:
        counts = np.zeros(row.episode.frames, np.int32)
        for frame, pair in sorted(_boxes(row), key=lambda item: item[0]):
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


def _boxes(row: Row) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A question and its answer on the first frame of each action that has objects; one pair a frame."""
    taken: set[int] = set()
    for action in row.episode.actions:
        frame = min(frame_at(row.episode, action.t_start_s), row.episode.frames - 1)
        if not action.objects or frame in taken:
            continue
        taken.add(frame)
        answer = json.dumps({"detections": list(_detections(action, row))})
        common = {"style": "vqa", "camera": CAMERA}
        yield (
            frame,
            [
                {"role": "user", "content": QUESTION, **common},
                {"role": "assistant", "content": answer, **common},
            ],
        )


def _detections(action: EpisodeAction, row: Row) -> Iterator[dict[str, Any]]:
    """Boxes in pixels of the video; empty if the size of the keyframes is unknown."""
    for box in action.objects:
        if box.width_px and box.height_px:
            across, down = row.clip.width_px / box.width_px, row.clip.height_px / box.height_px
            scaled = [round(value * scale, 1) for value, scale in zip(box.xyxy, [across, down] * 2, strict=True)]
            yield {"label": box.name, "bbox_format": "xyxy", "bbox": scaled}
