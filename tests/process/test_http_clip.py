"""A clip on an HTTP server that serves parts: what its run is called, and how much of it is fetched."""

from pathlib import Path

import pytest

from stream.sources.remote import file as remote
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.live_http import serving
from tests.support.runs import manifest, run_cli

BLOCK = 1 << 12
REQUESTS_FOR_SIZE = 2
"""One byte each: when the clip is probed, and when it is read."""


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BLOCK_BYTES", BLOCK)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_every_byte_is_fetched_once(ending: str, tmp_path: Path) -> None:
    """Probing and running share what they fetch. The run has the name of the file, without ending and query."""
    data = make_clip(tmp_path / f"clip.{ending}", frames=90).read_bytes()
    assert len(data) > 4 * BLOCK
    with serving(data, "ranges", f"videos/my%20clip.{ending}?token=geheim7") as served:
        result = run_inline(served.url, "--encoder", "grid", "--no-rectify", "--out", tmp_path / "runs")
        assert result.returncode == 0, result.stderr
        assert served.sent_bytes == len(data) + REQUESTS_FOR_SIZE
    assert [each.name for each in (tmp_path / "runs").iterdir()] == ["my clip"]
    assert manifest(tmp_path / "runs" / "my clip")["source"]["fetched_bytes"] == len(data)


def test_a_process_gets_what_probing_has_fetched(tmp_path: Path) -> None:
    """Every byte is fetched once by the program, whichever of its processes does it."""
    data = make_clip(tmp_path / "clip.mp4", frames=90).read_bytes()
    with serving(data, "ranges", "s.mp4?token=geheim7") as served:
        result = run_cli(served.url, "--encoder", "grid", "--no-rectify", "--out", tmp_path / "runs")
        assert result.returncode == 0, result.stderr
        assert len(data) <= served.sent_bytes <= len(data) + 2  # a byte for each question how large the file is
    assert manifest(tmp_path / "runs" / "s")["source"]["fetched_bytes"] == len(data)
