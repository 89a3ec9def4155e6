"""Plain clips, and one table about them as CSV and as JSON lines."""

import csv
from pathlib import Path
from typing import Any

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.rows import Row
from exporters.dataset.store import link
from exporters.lerobot.files import write_json_lines
from stream.records.store.atomic import replaced_when_whole


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``clips/KEY.mp4``, then ``episodes.csv`` and ``episodes.jsonl``; the latter has the actions, too."""
    for row in data_set.rows:
        link(data_set.clip(row), folder / _name(row))
    with replaced_when_whole(folder / "episodes.csv") as part, part.open("w", newline="") as file:
        table = csv.DictWriter(file, list(_facts(data_set, data_set.rows[0])))
        table.writeheader()
        table.writerows(_facts(data_set, row) for row in data_set.rows)
    write_json_lines(folder / "episodes.jsonl", (_line(data_set, row) for row in data_set.rows))
    describe(folder, data_set, data_set.rows)


def _name(row: Row) -> str:
    return f"clips/{row.episode.key}.mp4"


def _facts(data_set: DataSet, row: Row) -> dict[str, Any]:
    return {"file": _name(row), **episode_facts(data_set, row)}


def _line(data_set: DataSet, row: Row) -> dict[str, Any]:
    actions = [action.model_dump(mode="json") for action in row.episode.actions]
    return {**_facts(data_set, row), "actions": actions}
