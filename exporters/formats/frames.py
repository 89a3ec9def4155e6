"""Every frame of every episode as a JPEG, in one folder an episode."""

import json
from pathlib import Path

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.pictures import jpegs
from exporters.dataset.record import episode_record
from stream.records.store.atomic import replace_file


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``frames/KEY/000000.jpg`` and so on; a folder that has its ``episode.json`` is whole."""
    for row in data_set.rows:
        own = folder / "frames" / row.episode.key
        record = json.dumps(episode_record(data_set, row), indent=1).encode() + b"\n"
        done = own / "episode.json"
        if not done.exists():
            own.mkdir(parents=True, exist_ok=True)
            for number, jpeg in enumerate(jpegs(data_set.clip(row))):
                (own / f"{number:06d}.jpg").write_bytes(jpeg)
        if not done.exists() or done.read_bytes() != record:
            replace_file(done, record)
    describe(folder, data_set, data_set.rows)
