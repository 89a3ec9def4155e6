"""Files that are made once an episode, and again only if what is known of it has changed."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.rows import Row
from stream.records.store.atomic import replace_file


def episode_record(data_set: DataSet, row: Row) -> dict[str, Any]:
    """All that is known of an episode: its facts, its actions, and where it comes from; JSON types only."""
    actions = [action.model_dump(mode="json") for action in row.episode.actions]
    return {**episode_facts(data_set, row), "actions": actions, "provenance": data_set.provenance_of(row)}


def outdated(
    data_set: DataSet, rows: Sequence[Row], root: Path, name_of: Callable[[int, Row], str]
) -> Iterator[tuple[Row, Path]]:
    """The rows whose file, or folder, is still to be made, each with its path; the caller makes it at once.

    ``name_of`` names it in ``root`` by the row and its number. ``NAME.json`` beside ``NAME.*`` is the episode's record.
    It is written when the caller asks for the next row, so a file with its record is whole and current.
    """
    for number, row in enumerate(rows):
        target = root / name_of(number, row)
        record = json.dumps(episode_record(data_set, row), indent=1).encode() + b"\n"
        done = target.with_suffix(".json")
        if target.exists() and done.exists() and done.read_bytes() == record:
            continue
        done.unlink(missing_ok=True)
        yield row, target
        replace_file(done, record)
