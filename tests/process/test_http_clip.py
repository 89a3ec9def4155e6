"""A clip on an HTTP server, read by a process of its own."""

from pathlib import Path

from tests.support.clips import make_clip
from tests.support.live_http import serving
from tests.support.runs import manifest, run_cli


def test_a_process_gets_what_probing_has_fetched(tmp_path: Path) -> None:
    """Every byte is fetched once by the program, whichever of its processes does it."""
    data = make_clip(tmp_path / "clip.mp4", frames=90).read_bytes()
    with serving(data, "ranges", "s.mp4?token=geheim7") as served:
        done = run_cli(served.url, "--encoder", "grid", "--no-rectify", "--out", tmp_path / "runs")
        assert done.returncode == 0, done.stderr
        assert len(data) <= served.sent_bytes <= len(data) + 2  # a byte for each question how large the file is
    assert manifest(tmp_path / "runs" / "s")["source"]["fetched_bytes"] == len(data)
