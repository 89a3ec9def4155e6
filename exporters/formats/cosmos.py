"""The folder that NVIDIA Cosmos-Predict post-training reads: ``videos/NAME.mp4`` and ``metas/NAME.txt``.

Source: docs.nvidia.com/cosmos, post-training of Cosmos-Predict2 and 2.5. A clip without a caption is of no use there,
so episodes that were not described are left out.
"""

from pathlib import Path

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.store import link
from stream.records.store.atomic import replace_file


def write(data_set: DataSet, folder: Path) -> None:
    """Write a root for each split, if there are splits; each caption before its clip."""
    for split, rows in data_set.splits():
        root = folder / split if data_set.is_split() else folder
        (root / "metas").mkdir(parents=True, exist_ok=True)
        described = [row for row in rows if row.episode.caption]
        for row in described:
            text = root / "metas" / f"{row.episode.key}.txt"
            replace_file(text, " ".join(row.episode.caption.split()).encode() + b"\n")
            link(data_set.clip(row), root / "videos" / f"{row.episode.key}.mp4")
        describe(root, data_set, described, tags=("cosmos",))
