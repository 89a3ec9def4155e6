"""Fixtures that several test files share."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clips import Decoded, decode, make_clip
from tests.support.described import make_described_clip
from tests.support.encoded_once import keep_clips_in
from tests.support.inline import run_inline
from tests.support.made_once import MadeOnce
from tests.support.properties import register_profiles
from tests.support.resumed import GRID, QUICK, make_worker_clip
from tests.support.rtsp_server import AccessUnit, units_of

register_profiles()


def pytest_collection_finish() -> None:
    """Modules and collected tests stay until the end: the garbage collector need not look at them after every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_base(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of all workers of a session."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session", autouse=True)
def _clips(shared_base: Path) -> None:
    """All workers of a session share the clips that they encode."""
    keep_clips_in(shared_base / "clips")


@pytest.fixture(scope="session")
def made_once(shared_base: Path) -> MadeOnce:
    """Makes folders that tests only read, once for all workers of a session."""
    return MadeOnce(shared_base)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames, 30 fps, a key picture every 10, B-frames between: decoded in the order 0 3 2 1."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", b_frames=2)


@pytest.fixture(scope="session")
def whole(clip: Path) -> Decoded:
    """All items that decoding it returns."""
    return decode(clip)


@pytest.fixture(scope="session")
def worker_clip(made_once: MadeOnce) -> Path:
    """A clip with an anomaly in it, long enough for checkpoints, and its calibration."""
    return made_once("worker", make_worker_clip) / "clip.mp4"


@pytest.fixture(scope="session")
def uninterrupted(worker_clip: Path, made_once: MadeOnce) -> Path:
    """The run directory of an undisturbed run of it."""

    def run(out: Path) -> None:
        assert run_inline(worker_clip, *GRID, *QUICK, "--out", out).returncode == 0

    return made_once("uninterrupted", run) / "clip"


@pytest.fixture(scope="session")
def described_clip(made_once: MadeOnce) -> Path:
    """A clip of which a run has something to describe every few seconds, and its calibration."""
    return made_once("described", make_described_clip) / "clip.mp4"


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
