"""On a full disk a file is whole or as it was."""

import os
from pathlib import Path

import pytest

from stream.records.store.atomic import replace_file
from stream.records.store.keyframes import KeyframeCache


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more can be forced to disk."""

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


def test_a_replaced_file_stays_what_it_was(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A file that there is no room to replace keeps its content, and nothing lies beside it."""
    path = tmp_path / "file"
    replace_file(path, b"old")
    request.getfixturevalue("no_room")
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.usefixtures("no_room")
def test_a_keyframe_is_whole_or_not_there(tmp_path: Path) -> None:
    """Of a keyframe for which there is no room nothing is left."""
    cache = KeyframeCache(tmp_path / "keyframes", 1000)
    with pytest.raises(OSError, match="No space"):
        cache.add(1.0, b"jpeg")
    assert list((tmp_path / "keyframes").iterdir()) == []
