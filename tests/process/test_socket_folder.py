"""The folders in which processes find each other's sockets do not pile up."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream.runtime.socket_folder import SocketFolder

_WAITS = "from stream.runtime.socket_folder import SocketFolder; print(SocketFolder().path, flush=True); input()"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_leaves_goes_with_the_next(place: Path) -> None:
    """The folder of a process that lives stays; when it is killed the next one to make a folder removes it."""
    with subprocess.Popen([sys.executable, "-c", _WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        other = Path(process.stdout.readline().decode().strip())
        with SocketFolder():
            assert other.is_dir()
        process.send_signal(signal.SIGKILL)
    assert other.is_dir()
    with SocketFolder() as folder:
        assert list(place.iterdir()) == [folder.path]
