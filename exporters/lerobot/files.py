"""JSON files of a data set, whole under their names."""

import json
from collections.abc import Iterable
from pathlib import Path

from stream.records.store.atomic import replace_file


def write_json(path: Path, content: object) -> None:
    """Write one JSON value; its folder is created."""
    _write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, items: Iterable[object]) -> None:
    """Write one JSON value a line, without blank lines, which readers refuse."""
    _write(path, "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())
