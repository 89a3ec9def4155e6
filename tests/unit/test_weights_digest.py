"""A local file's digest is worked out once, and again when the file has changed."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest

from models.weights.digest import remembered_sha256
from tests.support.full_disk import largest_file

OLD_NS = 10**18
"""A modification time long ago."""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that has not changed for long, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return written(tmp_path / "model.safetensors", b"one")


def written(path: Path, content: bytes, mtime_ns: int = OLD_NS) -> Path:
    """The file, with a modification time."""
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def reads(path: Path) -> int:
    """How often the file is read for two answers, which must be right."""
    with patch("models.weights.digest.hashlib.file_digest", wraps=hashlib.file_digest) as digest:
        for _ in range(2):
            assert remembered_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    return digest.call_count


def test_a_file_is_read_once(weights: Path) -> None:
    """Also through a link."""
    assert reads(weights) == 1
    link = weights.with_name("link")
    link.symlink_to(weights)
    assert reads(link) == 0


def test_a_changed_file_is_read_again(weights: Path) -> None:
    """Changed in size, in time, or replaced by another of the same size and time."""
    assert reads(weights) == 1
    assert reads(written(weights, b"longer")) == 1
    assert reads(written(weights, b"LONGER", OLD_NS + 1)) == 1
    written(weights.with_name("other"), b"lONGEr", OLD_NS + 1).replace(weights)
    assert reads(weights) == 1
    assert reads(weights) == 0


def test_a_file_that_has_just_changed_is_not_trusted(weights: Path) -> None:
    """It may change again within the clock's tick."""
    weights.write_bytes(b"new")
    assert reads(weights) == 2


def test_notes_of_two_files_do_not_mix_and_damage_costs_a_read(weights: Path, tmp_path: Path) -> None:
    """Whatever is in a note."""
    other = written(tmp_path / "other.safetensors", b"two")
    assert (reads(weights), reads(other), reads(weights), reads(other)) == (1, 1, 0, 0)
    for note in (tmp_path / "cache").rglob("*"):
        if note.is_file():
            note.write_text("[1")
    assert (reads(weights), reads(other)) == (1, 1)


def test_without_a_cache_it_is_read_each_time(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no error."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert reads(weights) == 2


def test_a_full_disk_leaves_nothing_in_the_cache(weights: Path) -> None:
    """Not even a part of a note, which nobody would ever remove."""
    with largest_file(16):
        assert reads(weights) == 2
    assert [path for path in (weights.parent / "cache").rglob("*") if path.is_file()] == []


def test_several_at_a_time(weights: Path) -> None:
    """Each has the right answer, and what is left is one whole note."""
    with ThreadPoolExecutor(8) as threads:
        digests = set(threads.map(remembered_sha256, [weights] * 50))
    assert digests == {hashlib.sha256(b"one").hexdigest()}
    assert reads(weights) == 0
    assert len([path for path in (weights.parent / "cache").rglob("*") if path.is_file()]) == 1
