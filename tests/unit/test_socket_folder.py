"""The folders in which processes find each other's sockets do not pile up."""

import os
from pathlib import Path

import pytest

from stream.doctor.machine import sockets
from stream.errors import UsageError
from stream.runtime.socket_folder import PREFIX, SocketFolder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_it_is_private_and_goes_with_its_block(place: Path) -> None:
    """Only its owner can enter the folder, addresses lie in it, and nothing is left of it."""
    with SocketFolder() as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert folder.endpoint("status") == f"ipc://{folder.path}/status"
        (folder.path / "status").touch()
    assert list(place.iterdir()) == []


def test_foreign_folder_is_not_removed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a link and another user's folder of such a name are left alone."""
    (place / f"{PREFIX}file").touch()
    (place / "elsewhere").mkdir()
    (place / f"{PREFIX}link").symlink_to(place / "elsewhere")
    with SocketFolder():
        assert (place / f"{PREFIX}file").exists()
        assert (place / f"{PREFIX}link").exists()
    (place / f"{PREFIX}other").mkdir()
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with SocketFolder():
        assert (place / f"{PREFIX}other").exists()


def test_path_that_is_too_long_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no socket could have its name, a sentence says so and says what is short enough, and nothing is made."""
    long = place / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(UsageError, match=r"can have 75: point TMPDIR to a shorter one than .*xxx"):
        SocketFolder()
    assert list(long.iterdir()) == []
    with pytest.raises(UsageError, match="TMPDIR"):
        sockets()
