"""Every frame of every episode as a JPEG, in one folder an episode."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exporters.dataset.card import write_card
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.store import Row
from stream.errors import EgocleanError
from stream.records.store.atomic import replace_file

QUALITY: Final = 95


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``frames/KEY/000000.jpg`` and so on; a folder that has its ``episode.json`` is whole."""
    for row in data_set.rows:
        own = folder / "frames" / row.episode.key
        facts = json.dumps({**episode_facts(row), "actions": _actions(row)}, indent=1).encode() + b"\n"
        done = own / "episode.json"
        if not done.exists():
            own.mkdir(parents=True, exist_ok=True)
            for number, jpeg in enumerate(jpegs(data_set.clip(row))):
                (own / f"{number:06d}.jpg").write_bytes(jpeg)
        if not done.exists() or done.read_bytes() != facts:
            replace_file(done, facts)
    write_card(folder / "README.md", data_set, data_set.rows)


def jpegs(clip: Path) -> Iterator[bytes]:
    """The frames of a clip, in order, each as a JPEG of quality ``QUALITY``."""
    import av
    import cv2

    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            done, content = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            if not done:
                raise EgocleanError(f"a frame of {clip.name} could not be compressed as JPEG")
            yield content.tobytes()


def _actions(row: Row) -> list[object]:
    return [action.model_dump(mode="json") for action in row.episode.actions]
