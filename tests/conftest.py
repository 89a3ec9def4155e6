"""Fixtures that several test files share."""

import gc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.clips import Decoded, decode, make_clip
from tests.support.described import make_described_clip
from tests.support.encoded_once import keep_clips_in
from tests.support.inline import run_inline
from tests.support.properties import register_profiles
from tests.support.resumed import GRID, QUICK, make_worker_clip
from tests.support.rtsp_server import AccessUnit, units_of

register_profiles()


def pytest_collection_finish() -> None:
    """Modules and collected tests stay until the end: the garbage collector need not look at them after every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _clips(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> None:
    """All workers of a session share the clips that they encode."""
    base = tmp_path_factory.getbasetemp()
    keep_clips_in((base if worker_id == "master" else base.parent) / "clips")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames, 30 fps, a key picture every 10, B-frames between: decoded in the order 0 3 2 1."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", b_frames=2)


@pytest.fixture(scope="session")
def whole(clip: Path) -> Decoded:
    """All items that decoding it returns."""
    return decode(clip)


@pytest.fixture(scope="session")
def worker_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with an anomaly in it, long enough for checkpoints, and its calibration."""
    return make_worker_clip(tmp_path_factory.mktemp("worker"))


@pytest.fixture(scope="session")
def uninterrupted(worker_clip: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The run directory of an undisturbed run of it, which all workers of a session share."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "uninterrupted"
    if not shared.exists():
        out = tmp_path_factory.mktemp("whole")
        assert run_inline(worker_clip, *GRID, *QUICK, "--out", out).returncode == 0
        with suppress(OSError):  # another worker has made it meanwhile
            out.rename(shared)
    return shared / "clip"


@pytest.fixture(scope="session")
def described_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of which a run has something to describe every few seconds, and its calibration."""
    return make_described_clip(tmp_path_factory.mktemp("described"))


@pytest.fixture(scope="session")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[AccessUnit]:
    """Ten seconds of a camera, a key picture every half second."""
    folder = tmp_path_factory.mktemp("camera")
    return units_of(make_clip(folder / "clip.ts", frames=300, key_every=15, x265="repeat-headers=1"))


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn, but their files stay empty: laying out and rendering is most of what a figure costs."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch computes on one thread: small models are then fastest, and do not wait for a busy machine's other cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
