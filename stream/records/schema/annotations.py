"""``<stem>_annotations.json``: the action segments, in the shape of the original pipeline, each with its segment."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import TypeAdapter

from stream.errors import DamagedError
from stream.records.schema.action import Action, Ecot, SceneObject
from stream.records.schema.joined_actions import joined_at, without_segment
from stream.records.store.atomic import reading, replace_file, replaced_when_whole

__all__ = [
    "ACTIONS",
    "TAIL_MAX",
    "Action",
    "AnnotationsFile",
    "Ecot",
    "SceneObject",
    "action_count",
    "numbered",
    "read_annotations",
    "write_annotations",
]

ACTIONS: TypeAdapter[list[Action]] = TypeAdapter(list[Action])


def write_annotations(path: Path, actions: list[Action]) -> None:
    """Replace the file durably; it is valid JSON at any time."""
    replace_file(path, ACTIONS.dump_json(actions, indent=1) + b"\n")


def read_annotations(path: Path) -> list[Action]:
    """The action segments so far.

    Raises:
        DamagedError: the file is not a list of actions.
    """
    with reading(path):
        return ACTIONS.validate_json(path.read_bytes())


def action_count(path: Path) -> int | None:
    """The number of actions so far; None if there is no file of them, or one that cannot be read."""
    try:
        return len(read_annotations(path))
    except (FileNotFoundError, DamagedError):
        return None


TAIL_MAX: Final = 256
"""Number of actions at the file's end that are held in memory: answers come out of order by a few segments."""


class AnnotationsFile:
    """The growing file. A reader sees it before or after a change, never in between.

    It is replaced as a whole, but everything before its last ``TAIL_MAX`` actions is copied by the system, and neither
    parsed nor serialised again. So memory and computation do not grow with the file; only the bytes written do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._load()

    def put(
        self,
        segment_id: str,
        actions: Sequence[Action],
        span: tuple[float, float] | None = None,
        *,
        is_cut_before: bool = False,
        is_cut_after: bool = False,
    ) -> None:
        """Insert a segment's actions in order of time, replacing its earlier ones, and number everything after them.

        Args:
            segment_id: The segment.
            actions: What is done in it, in order.
            span: Its start and end, seconds; None: from its first action to its last.
            is_cut_before: Whether it was cut from the one before, which had become too long: an action may go on.
            is_cut_after: Whether it is cut from the next one.
        """
        start_s, end_s = span or _span_of(actions)
        if self._before and start_s < self._tail[0].t_end_s:
            self._load()
        whole = [*without_segment(self._tail, segment_id, start_s, end_s), *actions]
        for cut_s in ([start_s] if is_cut_before else []) + ([end_s] if is_cut_after else []):
            whole = joined_at(whole, cut_s)
        tail = numbered(whole, first=self._before + 1)
        elements = list(_elements(tail))
        self._write(elements)
        self._trim(tail, elements)

    def _load(self) -> None:
        """Load the whole file: new actions belong before the tail, or nothing was loaded yet."""
        self._before = self._bytes_before = 0
        """Number of actions before the tail, and their bytes, up to the beginning of the tail."""
        self._tail = read_annotations(self._path) if self._path.exists() else []

    def _trim(self, tail: list[Action], elements: list[bytes]) -> None:
        """Keep the last actions as the tail."""
        moved = max(0, len(tail) - TAIL_MAX)
        if moved and not self._before:
            self._bytes_before = len(_OPEN)
        self._bytes_before += sum(len(element) + len(_COMMA) for element in elements[:moved])
        self._before += moved
        self._tail = tail[moved:]

    def _write(self, elements: list[bytes]) -> None:
        with replaced_when_whole(self._path) as part, part.open("wb") as new:
            if self._before:
                with self._path.open("rb") as old:
                    _copy(old, new, self._bytes_before)
            else:
                new.write(_OPEN if elements else b"[")
            new.write(_COMMA.join(elements) + (_CLOSE if elements else b"]\n"))


def _span_of(actions: Sequence[Action]) -> tuple[float, float]:
    if not actions:
        return -math.inf, -math.inf
    return min(each.t_start_s for each in actions), max(each.t_end_s for each in actions)


_OPEN, _COMMA, _CLOSE = b"[\n", b",\n", b"\n]\n"


def _elements(actions: Iterable[Action]) -> Iterator[bytes]:
    """The JSON of each action as an element of the array."""
    return (ACTIONS.dump_json([action], indent=1)[len(_OPEN) : 1 - len(_CLOSE)] for action in actions)


def _copy(old: BinaryIO, new: BinaryIO, count: int) -> None:
    """Copy the first ``count`` bytes of a file to a new one within the kernel."""
    done = 0
    while done < count:
        done += os.sendfile(new.fileno(), old.fileno(), done, count - done)
    new.seek(count)


def numbered(actions: Iterable[Action], first: int = 1) -> list[Action]:
    """The actions in order of time, numbered from ``first``."""
    in_order = sorted(actions, key=lambda action: (action.t_start_s, action.t_end_s))
    return [action.model_copy(update={"action_id": place}) for place, action in enumerate(in_order, first)]
