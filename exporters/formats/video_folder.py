"""A folder of clips with ``metadata.jsonl``, as Hugging Face ``datasets`` and the hub's viewer read it."""

import json
from pathlib import Path
from typing import Final

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.store import link
from exporters.formats.webdataset import sample_facts
from stream.records.store.atomic import replace_file

_FOLDERS: Final = {"train": "train", "val": "validation"}
"""Names of the splits in ``datasets``."""


def write(data_set: DataSet, folder: Path) -> None:
    """Write a folder for each split; each one's metadata last."""
    for split, rows in data_set.splits():
        own = folder / _FOLDERS[split]
        lines = []
        for row in rows:
            name = f"{row.episode.key}.mp4"
            link(data_set.clip(row), own / name)
            lines.append(json.dumps({"file_name": name, **sample_facts(data_set, row)}))
        replace_file(own / "metadata.jsonl", ("\n".join(lines) + "\n").encode())
    describe(folder, data_set, data_set.rows, tags=("video",))
