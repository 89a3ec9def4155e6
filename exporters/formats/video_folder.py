"""A folder of clips with ``metadata.jsonl``, as Hugging Face ``datasets`` and the hub's viewer read it."""

from pathlib import Path
from typing import Final

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.rows import Row
from exporters.dataset.store import link
from exporters.formats.webdataset import sample_facts
from exporters.lerobot.files import write_json_lines

_FOLDERS: Final = {"train": "train", "val": "validation"}
"""Names of the splits in ``datasets``."""


def write(data_set: DataSet, folder: Path) -> None:
    """Write a folder for each split; each one's metadata last."""
    for split, rows in data_set.splits():
        own = folder / _FOLDERS[split]
        for row in rows:
            link(data_set.clip(row), own / _name(row))
        write_json_lines(
            own / "metadata.jsonl", ({"file_name": _name(row), **sample_facts(data_set, row)} for row in rows)
        )
    describe(folder, data_set, data_set.rows, tags=("video",))


def _name(row: Row) -> str:
    return f"{row.episode.key}.mp4"
