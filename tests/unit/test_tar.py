"""What is in a tar is read from its headers, and headers may contain anything."""

import io
import tarfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from stream.errors import ExitCode, SourceError, exit_code_of
from stream.sources import tar as tar_module
from stream.sources.local import LocalFile
from stream.sources.table import open_clip
from stream.sources.tar import contents_of
from tests.support.clips import clips_named, decode, make_clip
from tests.support.data_hub import tar_bytes

_GIB = 1 << 30


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE, pax: dict[str, str] | None = None) -> bytes:
    """A member's header as GNU writes it, or with extended records as pax writes them."""
    member = tarfile.TarInfo(name)
    member.size, member.type, member.pax_headers = size, kind, pax or {}
    return member.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)


def tar_file(folder: Path, *parts: bytes) -> Path:
    path = folder / "part000.tar"
    path.write_bytes(b"".join(parts))
    return path


def refusal(tar: Path) -> str:
    """The one sentence with which what is in the tar is refused."""
    with pytest.raises(SourceError) as caught:
        contents_of(LocalFile(tar))
    assert exit_code_of(caught.value) == ExitCode.INPUT
    assert "\n" not in str(caught.value)
    assert str(tar) in str(caught.value)
    return str(caught.value)


def test_members_are_known_by_name_kind_and_place(tmp_path: Path) -> None:
    """All of them, in the order of the tar, and where their bytes are."""
    tar = tar_file(tmp_path, tar_bytes([("a.mp4", b"aaa"), ("b.json", b"b" * 600)]))
    first, second = contents_of(LocalFile(tar))
    assert (first.name, first.kind, first.offset, first.size_bytes) == ("a.mp4", "file", 512, 3)
    assert (second.name, second.kind, second.offset, second.size_bytes) == ("b.json", "file", 1536, 600)


@pytest.mark.parametrize("claimed", [10**9, 1 << 62, 1 << 80])
def test_a_size_beyond_the_file_is_cut_to_what_is_there(tmp_path: Path, claimed: int) -> None:
    """The clip is what is left; what its own index names beyond that is reported as damage."""
    clip = make_clip(tmp_path / "whole.mp4", frames=30).read_bytes()
    tar = tar_file(tmp_path, header("clip.mp4", claimed), clip[: len(clip) * 3 // 4])
    assert open_clip(f"{tar}::clip.mp4").size_bytes == len(clip) * 3 // 4
    decoded = decode(f"{tar}::clip.mp4")
    assert decoded.pictures
    assert "truncated" in decoded.damage[-1].reason


def test_a_size_below_nothing_is_refused(tmp_path: Path) -> None:
    """It would lead back to headers that were read, forever."""
    tar = tar_file(tmp_path, header("a.mp4", 0), header("b.mp4", -1024), header("c.mp4", 0))
    assert "is not a valid tar: 'b.mp4' has -1024 bytes" in refusal(tar)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_name_of_gigabytes_is_not_read(tmp_path: Path, kind: bytes) -> None:
    """Headers that claim more than any real one has are refused before they fill the memory."""
    tar = tar_file(tmp_path, header("a.mp4", 0), header("././@LongLink", _GIB, kind))
    with tar.open("r+b") as file:
        file.truncate(2 * _GIB)  # a hole: it takes no room
    tracemalloc.start()
    assert "cannot be read as a tar" in refusal(tar)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4_000_000


def test_headers_without_end_are_refused(tmp_path: Path) -> None:
    """Long names of long names of long names."""
    link = header("././@LongLink", 512, tarfile.GNUTYPE_LONGNAME) + bytes(512)
    assert "its headers do not end" in refusal(tar_file(tmp_path, header("a.mp4", 0), link * 900))


def test_extended_records_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """A map of a sparse file in words instead of numbers."""
    tar = tar_file(tmp_path, header("a.mp4", 0, pax={"GNU.sparse.map": "zero,ten", "GNU.sparse.size": "10"}))
    assert "cannot be read as a tar" in refusal(tar)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is on what is held and on the time it takes; one below it is read."""
    monkeypatch.setattr(tar_module, "MOST_MEMBERS", 1000)
    assert len(contents_of(LocalFile(tar_file(tmp_path, header("a", 0) * 1000, bytes(1024))))) == 1000
    assert "has more than 1000 members" in refusal(tar_file(tmp_path, header("a", 0) * 1001, bytes(1024)))


@pytest.mark.slow
def test_many_members_take_little_memory(tmp_path: Path) -> None:
    """A few hundred bytes each, at the bound tens of megabytes."""
    tar = tar_file(tmp_path, *(header(f"{number:08}.jpg", 0) for number in range(2000)), bytes(1024))
    tracemalloc.start()
    assert len(contents_of(LocalFile(tar))) == 2000
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2000 * 500


def test_a_tar_in_a_tar_is_refused(tmp_path: Path) -> None:
    """With a sentence that says so, by its bytes and not by its name."""
    tar = tar_file(tmp_path, tar_bytes([("inner.mp4", tar_bytes([("clip.mp4", b"x")]))]))
    with pytest.raises(SourceError, match="is a tar in a tar, and is not read there: unpack the outer one first"):
        open_clip(f"{tar}::inner.mp4")


@pytest.mark.parametrize("name", ["..mp4", "...mp4", "a/..mp4", "bell\x07.mp4", "line\nline.mp4"])
def test_names_that_are_none_for_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    """The stem names the run directory: it must not lead out of the folder for results, nor upset a terminal."""
    tar = tar_file(tmp_path, tar_bytes([(name, b"x" * 600)]))
    with pytest.raises(SourceError, match="has no name that a run directory could have"):
        open_clip(f"{tar}::{name}")


def test_a_path_that_leads_out_is_only_a_name(tmp_path: Path) -> None:
    """Nothing is unpacked, and of the path the last part alone is used."""
    tar = tar_file(tmp_path, tar_bytes([("../../etc/clip.mp4", b"x" * 600)]))
    assert clips_named([str(tar)]) == [f"{tar}::../../etc/clip.mp4"]
    assert open_clip(f"{tar}::../../etc/clip.mp4").stem == "clip"


def test_names_that_are_not_text_can_be_shown_and_chosen(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are spelled out, so that the name can be printed and given back."""
    path = tmp_path / "part000.tar"
    with tarfile.open(path, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as tar:
        member = tarfile.TarInfo("caf\xe9.mp4")
        member.size = 600
        tar.addfile(member, io.BytesIO(b"x" * 600))
    (clip,) = clips_named([str(path)])
    assert clip == f"{path}::caf\\xe9.mp4"
    assert open_clip(clip).size_bytes == 600


@pytest.mark.parametrize("folders", [["worker_001", "worker_002"], ["worker_001"]])
def test_patterns_match_on_the_disk(tmp_path: Path, folders: Iterable[str]) -> None:
    """A quoted pattern stands for what it matches, by name, but for sidecars; a file's own name is that file."""
    expected = []
    for folder in folders:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "intrinsics.json").write_text("{}")
        clip = tmp_path / folder / f"{folder}.mp4"
        clip.write_bytes(b"x")
        expected.append(str(clip))
    (tmp_path / "odd[1].mp4").write_bytes(b"x")
    assert clips_named([f"{tmp_path}/worker_00*"]) == expected
    assert clips_named([f"{tmp_path}/worker_00*/*"]) == expected
    assert clips_named([f"{tmp_path}/odd[1].mp4"]) == [f"{tmp_path}/odd[1].mp4"]
    assert clips_named([f"{tmp_path}/none*.mp4"]) == [f"{tmp_path}/none*.mp4"]
