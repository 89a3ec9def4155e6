"""From a name on the command line to the bytes of one clip."""

import hashlib
import io
import os
import tarfile
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from models.packages import IMAGE_VARIABLE
from stream.errors import ExitCode, SourceError, exit_code_of
from stream.sources.clip import Clip, in_container, open_local
from stream.sources.local import LocalFile, Slice
from stream.sources.table import open_clip
from tests.support.clips import cut, into_tar

_BYTES = bytes(range(256)) * 40


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "factory_001_worker_001_0000.mp4"
    path.write_bytes(_BYTES)
    return path


@pytest.fixture
def tar(tmp_path: Path, clip: Path) -> Path:
    other = tmp_path / "factory_001_worker_001_0001.mp4"
    other.write_bytes(b"other")
    sidecar = clip.with_suffix(".json")
    sidecar.write_text("{}")
    return into_tar(tmp_path / "part000.tar", sidecar, clip, other)


def _refusal(spec: Path | str, *, container: bool = False) -> str:
    with pytest.raises(SourceError) as caught:
        open_local(str(spec), in_container=lambda: container)
    assert exit_code_of(caught.value) == ExitCode.INPUT
    return str(caught.value)


def test_a_local_file_is_a_source(clip: Path) -> None:
    """A file is known by the name given, its stem, its size and its SHA-256, and opens at its start."""
    source = open_clip(str(clip))
    assert (source.name, source.stem, source.size_bytes) == (str(clip), "factory_001_worker_001_0000", len(_BYTES))
    assert source.sha256() == hashlib.sha256(_BYTES).hexdigest()
    with source.open() as file:
        assert file.read() == _BYTES


def test_a_member_of_a_tar_is_a_source(tar: Path) -> None:
    """TAR::MEMBER has the member's stem, size, SHA-256 and bytes."""
    source = open_clip(f"{tar}::factory_001_worker_001_0000.mp4")
    assert (source.stem, source.size_bytes) == ("factory_001_worker_001_0000", len(_BYTES))
    assert source.name == f"{tar}::factory_001_worker_001_0000.mp4"
    assert source.sha256() == hashlib.sha256(_BYTES).hexdigest()
    with source.open() as file:
        assert file.read() == _BYTES


def test_a_member_seeks_like_a_file(tar: Path) -> None:
    """Every position counts from the member's start, nothing beyond its end can be read, and openings share none."""
    source = open_clip(f"{tar}::factory_001_worker_001_0000.mp4")
    with source.open() as file, source.open() as second:
        assert file.seekable()
        assert not file.writable()
        assert (file.seek(-3, os.SEEK_END), file.read(9)) == (len(_BYTES) - 3, _BYTES[-3:])
        assert (file.seek(300), file.seek(2, os.SEEK_CUR), file.read(4)) == (300, 302, _BYTES[302:306])
        assert (file.seek(len(_BYTES) + 5), file.read(1)) == (len(_BYTES) + 5, b"")
        assert second.tell() == 0
    with pytest.raises(ValueError, match="positions start at 0"), Slice(tar, 0, 10) as part:
        part.seek(-1)


def test_a_member_is_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a member writes no file and holds a small part of it in memory."""
    big = tmp_path / "big.mp4"
    big.write_bytes(b"\x01" * 8_000_000)
    tar = into_tar(tmp_path / "part000.tar", big)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = sorted(tmp_path.rglob("*"))
    tracemalloc.start()
    open_clip(f"{tar}::big.mp4").sha256()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000
    assert sorted(tmp_path.rglob("*")) == before


def test_the_later_of_two_members_of_one_name_counts(tmp_path: Path, clip: Path) -> None:
    """A tar that was appended to gives the newer member, as tar itself does."""
    path = into_tar(tmp_path / "part000.tar", clip)
    clip.write_bytes(b"newer")
    with tarfile.open(path, "a") as tar:
        tar.add(clip, clip.name)
    with open_clip(f"{path}::{clip.name}").open() as file:
        assert file.read() == b"newer"


@pytest.mark.parametrize(("stored", "requested"), [("./clip.mp4", "clip.mp4"), ("clip.mp4", "./clip.mp4")])
def test_a_leading_dot_makes_no_other_member(tmp_path: Path, clip: Path, stored: str, requested: str) -> None:
    """``./clip.mp4`` and ``clip.mp4`` are the same member."""
    path = tmp_path / "part000.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(clip, stored)
    assert open_clip(f"{path}::{requested}").size_bytes == len(_BYTES)


def test_a_tar_that_was_cut_off_gives_what_is_left(tmp_path: Path, clip: Path) -> None:
    """Members before the cut are whole, and the one in it has the size of its rest."""
    whole = into_tar(tmp_path / "whole.tar", clip, clip)
    part = cut(whole, tmp_path / "part000.tar", 0.25)
    source = open_clip(f"{part}::{clip.name}")
    assert source.size_bytes == part.stat().st_size - source.offset
    with source.open() as file:
        assert file.read() == _BYTES[: source.size_bytes]


def test_a_file_whose_name_holds_the_separator_is_a_file(tmp_path: Path) -> None:
    """A name that exists as it stands is not taken apart."""
    path = tmp_path / "a::b.mp4"
    path.write_bytes(b"x")
    assert open_clip(str(path)).file.path == path


def test_intrinsics_lie_beside_the_clip_or_its_tar(tar: Path, clip: Path) -> None:
    """``intrinsics.json`` is found in the folder of the clip or of the tar, and its absence is None."""
    member = open_clip(f"{tar}::{clip.name}")
    assert member.intrinsics_path() is None
    beside = tar.with_name("intrinsics.json")
    beside.write_text("{}")
    assert member.intrinsics_path() == beside
    assert open_clip(str(clip)).intrinsics_path() == beside


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The message names the file; in a container it asks for the mount."""
    missing = tmp_path / "absent" / "clip.mp4"
    assert _refusal(missing).startswith(f"{missing} does not exist: ")
    assert f"(is its folder {missing.parent} mounted into this container?)" in _refusal(missing, container=True)
    assert f"{missing} does not exist" in _refusal(f"{missing}::member.mp4")


def test_only_an_image_of_this_project_hides_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rented machine is often a container, too; nobody mounts folders into that one."""
    monkeypatch.delenv(IMAGE_VARIABLE, raising=False)
    assert not in_container()
    monkeypatch.setenv(IMAGE_VARIABLE, "cpu")
    assert in_container()


def test_file_without_bytes_is_refused(tmp_path: Path) -> None:
    """A directory, a pipe, an empty file and a name that no file can have are each named for what they are."""
    empty, pipe = tmp_path / "empty.mp4", tmp_path / "pipe.mp4"
    empty.touch()
    os.mkfifo(pipe)
    assert "is a directory" in _refusal(tmp_path)
    assert "is no regular file" in _refusal(pipe)
    assert "is empty (0 bytes)" in _refusal(empty)
    assert "cannot be read: File name too long" in _refusal("a" * 300)


def test_a_file_without_permission_is_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may not be opened is an unreadable input, not a fault of the program."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in _refusal(clip)


def test_a_file_that_goes_away_is_refused(clip: Path) -> None:
    """A source whose file was removed says so when it is opened."""
    source = open_clip(str(clip))
    clip.unlink()
    with pytest.raises(SourceError, match="can no longer be read"):
        source.open()


def test_a_tar_without_its_member_names_some(tar: Path) -> None:
    """A tar alone, and a member that it has not, are answered with clips that can be chosen and how to list all."""
    for message in (_refusal(tar), _refusal(f"{tar}::absent.mp4"), _refusal(f"{tar}::")):
        assert "part000.tar::factory_001_worker_001_0000.mp4" in message
        assert "part000.tar::factory_001_worker_001_0001.mp4" in message
        assert f"tar tf {tar}" in message


def test_a_tar_of_many_names_three(tmp_path: Path) -> None:
    """A message names no more than three members, and says how many more there are."""
    clips = [tmp_path / f"{number}.mp4" for number in range(5)]
    for path in clips:
        path.write_bytes(b"x")
    message = _refusal(into_tar(tmp_path / "part000.tar", *clips))
    assert "part000.tar::2.mp4, and 2 more" in message
    assert "3.mp4" not in message


def test_a_tar_without_clips_is_an_error(tmp_path: Path, clip: Path) -> None:
    """Where no member is a video, none is proposed."""
    sidecar = clip.with_suffix(".json")
    sidecar.write_text("{}")
    assert "holds no video, only 1 x text" in _refusal(into_tar(tmp_path / "part000.tar", sidecar))


def test_a_member_of_what_is_no_tar_is_refused(clip: Path) -> None:
    """TAR::MEMBER of a clip is an error that says what is wrong."""
    assert "cannot be read as a tar" in _refusal(f"{clip}::clip.mp4")


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (tarfile.SYMTYPE, "is a link to 'elsewhere.mp4', which is not in the tar"),
        (tarfile.LNKTYPE, "is a link to 'elsewhere.mp4', which is not in the tar"),
        (tarfile.DIRTYPE, "is not an ordinary file"),
        (tarfile.CHRTYPE, "is not an ordinary file"),
        (tarfile.FIFOTYPE, "is not an ordinary file"),
    ],
)
def test_a_member_without_data_is_refused(tmp_path: Path, kind: bytes, complaint: str) -> None:
    """Links out of the tar, folders, devices and pipes."""
    path = tmp_path / "part000.tar"
    member = tarfile.TarInfo("clip.mp4")
    member.type, member.linkname = kind, "elsewhere.mp4"
    with tarfile.open(path, "w") as tar:
        tar.addfile(member)
    assert complaint in _refusal(f"{path}::clip.mp4")


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    """A member stored with holes does not lie in one piece, and is not taken for one that does."""
    path = tmp_path / "part000.tar"
    member = tarfile.TarInfo("clip.mp4")
    member.size = 10
    member.pax_headers = {"GNU.sparse.map": "0,10", "GNU.sparse.size": "100"}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(b"0123456789"))
    assert "is not an ordinary file" in _refusal(f"{path}::clip.mp4")


def test_an_empty_member_is_refused(tmp_path: Path) -> None:
    """A member of no bytes is as empty as a file of none."""
    empty = tmp_path / "clip.mp4"
    empty.touch()
    assert "is empty (0 bytes)" in _refusal(f"{into_tar(tmp_path / 'part000.tar', empty)}::clip.mp4")


def test_a_source_is_a_value(clip: Path) -> None:
    """Two sources of one name are equal, so that a record can be compared with what is there."""
    assert open_clip(str(clip)) == Clip(str(clip), clip.stem, LocalFile(clip), 0, len(_BYTES))
