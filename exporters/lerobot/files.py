"""JSON files of a data set, whole under their names."""

import json
from collections.abc import Iterable
from pathlib import Path

from stream.records.store.atomic import replace_file, replaced_when_whole


def write_json(path: Path, content: object) -> None:
    """Write one JSON value; its folder is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def write_json_lines(path: Path, items: Iterable[object]) -> None:
    """Write one JSON value a line, without blank lines, which readers refuse; one of them is in memory at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_when_whole(path) as part, part.open("wb") as file:
        file.writelines(json_line(item) for item in items)


def json_line(item: object) -> bytes:
    """One JSON value, and the end of the line."""
    return json.dumps(item, ensure_ascii=False).encode() + b"\n"
