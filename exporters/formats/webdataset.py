"""WebDataset: tar shards of samples, each a clip, its facts, and its caption.

Every sample has the same members and every JSON the same keys, in the same types: loaders infer the schema from the
first samples, and drop or truncate silently what differs later.
"""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.store import Row
from stream.records.store.atomic import replaced_when_whole

SHARD_BYTES: Final = 512 * 1024 * 1024
"""Size of clips at which a shard is closed: large enough for sequential reading, small enough for the hub."""
_SPLITS: Final = {"train": "train", "val": "validation"}
"""Names of the splits in ``datasets``."""


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``<split>-000000.tar`` and so on, and the README."""
    for split, rows in data_set.splits():
        for number, shard in enumerate(_shards(rows)):
            _write_shard(data_set, shard, folder / f"{split}-{number:06d}.tar")
    shards = {_SPLITS[split]: f"{split}-*.tar" for split, _ in data_set.splits()}
    describe(folder, data_set, data_set.rows, tags=("webdataset",), configs={"default": shards})


def sample_facts(data_set: DataSet, row: Row) -> dict[str, Any]:
    """The JSON of a sample: no nulls, ``has_score_mean`` and so on say whether a number is known."""
    facts = episode_facts(data_set, row)
    numbers = ("score_mean", "score_max", "period_s", "cycles")
    known = {f"has_{name}": facts[name] is not None for name in numbers}
    filled = {name: 0.0 if facts[name] is None else float(facts[name]) for name in numbers}
    actions = [action.model_dump(mode="json") for action in row.episode.actions]
    return {**facts, **filled, **known, "actions": json.dumps(actions)}


def _shards(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows in shards. A shard that is full never changes when the data set grows."""
    shards: list[list[Row]] = [[]]
    size_bytes = 0
    for row in rows:
        if shards[-1] and size_bytes + row.clip.size_bytes > SHARD_BYTES:
            shards.append([])
            size_bytes = 0
        shards[-1].append(row)
        size_bytes += row.clip.size_bytes
    return shards


def _write_shard(data_set: DataSet, rows: Sequence[Row], path: Path) -> None:
    with replaced_when_whole(path) as part, tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row in rows:
            key = row.episode.key
            clip = data_set.clip(row)
            with clip.open("rb") as file:
                tar.addfile(_member(f"{key}.mp4", row.clip.size_bytes), file)
            _add(tar, f"{key}.json", json.dumps(sample_facts(data_set, row)).encode())
            _add(tar, f"{key}.txt", row.episode.caption.encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_member(name, len(content)), io.BytesIO(content))


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A member without times and owners: equal content is written as equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member
