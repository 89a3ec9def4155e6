"""A run of a camera whose RTSP server is not ours: GStreamer's, where the system's Python has it."""

import subprocess
from pathlib import Path

import pytest

from stream.records.schema import events
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip
from tests.support.runs import run_cli

_PYTHON = "/usr/bin/python3"
_SERVER = Path(__file__).parents[1] / "support" / "gst_rtsp_server.py"
_BINDINGS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


def _is_installed() -> bool:
    try:
        return subprocess.run([_PYTHON, "-c", _BINDINGS], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not _is_installed(), reason="needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi, and plugins")
def test_a_stream_of_gstreamers_server_is_recorded(tmp_path: Path) -> None:
    """Its SDP, its RTP over what libav negotiates and its end are understood: every second comes, and all adds up."""
    clip = make_clip(tmp_path / "clip.ts", frames=240, key_every=15, x265="repeat-headers=1")
    with subprocess.Popen([_PYTHON, _SERVER, clip], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            result = run_cli(
                f"rtsp://127.0.0.1:{port}/live", "--no-rectify", "--encoder", "grid", "--out", tmp_path / "runs",
                "--duration-s", "4",
            )  # fmt: skip
        finally:
            server.kill()
    assert result.returncode == 0, result.stderr
    run_events = list(read_events(tmp_path / "runs" / f"127.0.0.1_{port}_live" / "events.jsonl"))
    finish = run_events[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.decoded_s == pytest.approx(4.0, abs=0.1)
    assert finish.windows >= 1
    assert not [event for event in run_events if isinstance(event, events.SourceDamaged | events.SourceGap)]
