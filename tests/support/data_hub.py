"""Data sets as they lie on the hub: workers' folders, shards and sidecars, as both Egocentric data sets spell them."""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import stamina

from tests.support.clips import make_clip
from tests.support.hub_listings import Repo
from tests.support.hub_server import Hub, point_client_at, serving
from tests.support.runs import INTRINSICS

FILLER_BYTES = 1 << 20


@dataclass(frozen=True)
class Spelling:
    """How a data set names its folders and files."""

    data_set: str
    folder: str
    shard: str
    stem: str

    @property
    def worker(self) -> str:
        """A worker's folder."""
        return f"hf://datasets/{self.data_set}/{self.folder}/"

    @property
    def tar(self) -> str:
        """A shard."""
        return f"{self.worker}{self.shard}"

    def clip(self, number: int) -> str:
        """A member of the shard."""
        return f"{self.tar}::{self.stem.format(number)}.mp4"


EGO_10K = Spelling(
    "builddotai/Egocentric-10K",
    "factory_001/workers/worker_001",
    "factory001_worker001_part00.tar",
    "factory001_worker001_{:05}",
)
EGO_100K = Spelling("builddotai/Egocentric-100K", "factory001/worker001", "part000.tar", "factory_001_worker_001_{:04}")


def clip_bytes(folder: Path, *, frames: int = 60, noise: bool = False) -> bytes:
    """A clip whose index stands at its end, as muxers write it; of ``noise`` it takes megabytes."""
    pictures = None
    if noise:
        chance = np.random.default_rng(0)
        pictures = [chance.integers(0, 255, (240, 320, 3), np.uint8) for _ in range(frames)]
    whole = make_clip(folder / "whole.mp4", frames=frames, pictures=pictures, x265="crf=4" if noise else "")
    path = folder / "made.mp4"
    with av.open(str(whole)) as container, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    data = path.read_bytes()
    if data.index(b"moov") < data.index(b"mdat"):
        raise AssertionError("the index stands first")
    return data


def sidecar_bytes(clip: bytes, **changes: object) -> bytes:
    """What Egocentric-100K keeps beside a clip of a second or two, with something changed."""
    return json.dumps({"fps": 30.0, "size_bytes": len(clip), "codec": "h265", **changes}).encode()


def tar_bytes(members: Iterable[tuple[str, bytes]], *, style: int = tarfile.GNU_FORMAT) -> bytes:
    """An uncompressed tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def worker_repo(spelling: Spelling, clip: bytes, *, others: int = 2) -> Repo:
    """A worker's folder: calibration and one shard, in which ``clip`` stands between ``others`` that are no videos."""
    members = [(f"{spelling.stem.format(number)}.mp4", bytes(FILLER_BYTES)) for number in range(others)]
    middle = spelling.stem.format(others)
    members += [(f"{middle}.mp4", clip), (f"{middle}.json", sidecar_bytes(clip))]
    members += [(f"{spelling.stem.format(others + 1 + n)}.mp4", bytes(FILLER_BYTES)) for n in range(others)]
    files = {
        f"{spelling.folder}/intrinsics.json": json.dumps(INTRINSICS).encode(),
        f"{spelling.folder}/{spelling.shard}": tar_bytes(members),
    }
    return Repo(spelling.data_set, files, kind="datasets")


@contextmanager
def worker_hub(clip: bytes, home: Path, patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with both data sets, asked by the client in this process, which does not wait between two tries."""
    repos = worker_repo(EGO_10K, clip), worker_repo(EGO_100K, clip)
    with serving(*repos) as hub, stamina.set_testing(True, attempts=3):
        point_client_at(hub, home, patch)
        yield hub
