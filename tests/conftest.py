"""What several test files look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips import Decoded, decode, make_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames, 30 fps, a key picture every 10, B-frames between: decoded in the order 0 3 2 1."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", b_frames=2)


@pytest.fixture(scope="session")
def whole(clip: Path) -> Decoded:
    """All that is decoded of it."""
    return decode(clip)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch computes on one thread: small models are then fastest, and do not wait for a busy machine's other cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
