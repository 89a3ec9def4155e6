"""Plain clips, and one table about them as CSV and as JSON lines."""

import csv
import io
import json
from pathlib import Path

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.store import link
from stream.records.store.atomic import replace_file


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``clips/KEY.mp4``, then ``episodes.csv`` and ``episodes.jsonl``; the latter has the actions, too."""
    text = io.StringIO(newline="")
    table: csv.DictWriter[str] | None = None
    lines = []
    for row in data_set.rows:
        name = f"clips/{row.episode.key}.mp4"
        link(data_set.clip(row), folder / name)
        facts = {"file": name, **episode_facts(data_set, row)}
        if table is None:
            table = csv.DictWriter(text, list(facts))
            table.writeheader()
        table.writerow(facts)
        actions = [action.model_dump(mode="json") for action in row.episode.actions]
        lines.append(json.dumps({**facts, "actions": actions}, ensure_ascii=False))
    replace_file(folder / "episodes.csv", text.getvalue().encode())
    replace_file(folder / "episodes.jsonl", ("\n".join(lines) + "\n").encode())
    describe(folder, data_set, data_set.rows)
