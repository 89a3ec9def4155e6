"""What several test files look at."""

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
