"""WebDataset: tar shards of samples, each a clip, its facts, and its caption.

Every sample has the same members and every JSON the same keys, in the same types: loaders infer the schema from the
first samples, and drop or truncate silently what differs later.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.rows import Row, Rows
from stream.records.store.atomic import replaced_when_whole

SHARD_BYTES: Final = 512 * 1024 * 1024
"""Size of clips at which a shard is closed: large enough for sequential reading, small enough for the hub."""
_SPLITS: Final = {"train": "train", "val": "validation"}
"""Names of the splits in ``datasets``."""
_NUMBERS: Final = ("score_mean", "score_max", "period_s", "cycles", "judged_from_s", "mode", "activity", "head_motion")
"""Facts that may be unknown."""


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
    known = {f"has_{name}": facts[name] is not None for name in _NUMBERS}
    filled = {name: 0.0 if facts[name] is None else float(facts[name]) for name in _NUMBERS}
    actions = [action.model_dump(mode="json") for action in row.episode.actions]
    return {**facts, **filled, **known, "actions": json.dumps(actions)}


def _shards(rows: Rows) -> Iterator[Rows]:
    """Rows in shards. A shard that is full never changes when the data set grows."""
    first = size_bytes = 0
    for number, row in enumerate(rows):
        if number > first and size_bytes + row.clip.size_bytes > SHARD_BYTES:
            yield rows[first:number]
            first, size_bytes = number, 0
        size_bytes += row.clip.size_bytes
    yield rows[first:]


def _write_shard(data_set: DataSet, rows: Rows, path: Path) -> None:
    """Write a shard, unless the one that is there holds the same samples."""
    if path.exists() and _holds(path, data_set, rows):
        return
    with replaced_when_whole(path) as part, tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row in rows:
            with data_set.clip(row).open("rb") as file:
                tar.addfile(_member(f"{row.episode.key}.mp4", row.clip.size_bytes), file)
            for name, content in _texts(data_set, row):
                tar.addfile(_member(name, len(content)), io.BytesIO(content))


def _holds(path: Path, data_set: DataSet, rows: Rows) -> bool:
    """Whether a shard holds just these samples: its texts are compared, among them the digest of each clip."""
    with tarfile.open(path) as tar:
        for row in rows:
            if tar.next() is None:
                return False
            for name, content in _texts(data_set, row):
                member = tar.next()
                file = (
                    tar.extractfile(member) if member and (member.name, member.size) == (name, len(content)) else None
                )
                if file is None or file.read() != content:
                    return False
        return tar.next() is None


def _texts(data_set: DataSet, row: Row) -> list[tuple[str, bytes]]:
    """The members of a sample beside its clip."""
    key = row.episode.key
    return [
        (f"{key}.json", json.dumps(sample_facts(data_set, row)).encode()),
        (f"{key}.txt", row.episode.caption.encode()),
    ]


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A member without times and owners: equal content is written as equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member
