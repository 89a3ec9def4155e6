"""Compressed tars: their clips, in one pass each for the list and the run, and what damage and absurd sizes come to."""

import bz2
import gzip
import io
import lzma
import os
import random
import re
import tarfile
import tempfile
import tracemalloc
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from backports import zstd

from stream.engines.batch import Outcome, run_clips
from stream.errors import NoRoomError, SourceError
from stream.sources import compressed
from stream.sources.address import Unopened
from stream.sources.compressed import DecompressedFile
from stream.sources.discover import list_clips
from stream.sources.selection import LeftOut
from stream.sources.table import open_clip, open_source
from tests.support.clips import clips_named, decode, make_audio, make_clip
from tests.support.data_hub import clip_bytes, tar_bytes

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar.gz": gzip.compress,
    "tgz": gzip.compress,
    "tar.bz2": partial(bz2.compress, compresslevel=1),
    "tar.xz": lzma.compress,
    "tar.zst": zstd.compress,
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """With its index at the end, which takes seeking."""
    return clip_bytes(tmp_path_factory.mktemp("made"), frames=12)


def packed(path: Path, members: list[tuple[str, bytes]], kind: str = "tar.gz") -> Path:
    path.write_bytes(PACKERS[kind](tar_bytes(members)))
    return path


@pytest.mark.parametrize("kind", PACKERS)
def test_a_compressed_tar_is_its_clips(tmp_path: Path, clip: bytes, kind: str) -> None:
    """By content, under any name; each is decoded as from the disk, in any order."""
    (tmp_path / "whole.mp4").write_bytes(clip)
    tar = packed(tmp_path / f"part.{kind}", [("a.mp4", clip), ("a.json", b"{}"), ("sub/b", clip), ("n.md", b"#")], kind)
    listing = list_clips([str(tar)])
    assert [each.spec for each in listing.clips] == [f"{tar}::a.mp4", f"{tar}::sub/b"]
    assert [each.path for each in listing.left_out] == [f"{tar}::n.md"]
    for name in ("sub/b", "a.mp4"):
        assert decode(f"{tar}::{name}").digests == decode(tmp_path / "whole.mp4").digests


def test_what_only_its_container_tells_is_told_in_its_turn(tmp_path: Path, clip: bytes) -> None:
    """A picture named as a video is left out by its first bytes; sound in a video's container once it is opened."""
    sound = make_audio(tmp_path / "sound.mp4").read_bytes()
    still = b"\x89PNG\r\n\x1a\n" + bytes(100)
    tar = packed(tmp_path / "part.tgz", [("a.mp4", clip), ("s.mp4", sound), ("still.mp4", still)])
    listing = list_clips([str(tar)])
    assert listing.left_out == [LeftOut(f"{tar}::still.mp4", "PNG picture")]
    assert [each.unopened for each in listing.clips] == [Unopened(str(tar), "MP4 or QuickTime")] * 2
    messages: list[str] = []
    code = run_clips([str(tar)], lambda spec: Outcome(spec, len(decode(spec).damage), "ran"), messages.append,
                     fail_fast=True)  # fmt: skip
    assert code == 0
    assert messages[-2:] == [
        "left out: 1 x PNG picture (still.mp4); 1 x MP4 or QuickTime without video (s.mp4)",
        "1 of 1 clip done; 0:00:00.0 of video",
    ]


def test_a_folder_takes_compressed_tars(tmp_path: Path, clip: bytes) -> None:
    """One is recognised by its content; a file that is merely compressed is left out."""
    tar = packed(tmp_path / "part", [("a.mp4", clip)])
    (tmp_path / "table.gz").write_bytes(gzip.compress(b"a,b\n"))
    listing = list_clips([str(tmp_path)])
    assert ([each.spec for each in listing.clips], listing.left_out[0].reason) == ([f"{tar}::a.mp4"], "gzip file")


def test_the_clips_of_a_tar_are_read_in_one_pass(tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for the list, and one for all clips in order; an earlier clip takes another."""
    passes: list[Path] = []
    create = DecompressedFile.__init__

    def counted(file: DecompressedFile, path: Path) -> None:
        passes.append(path)
        create(file, path)

    tar = packed(tmp_path / "part.tar.gz", [(f"{number}.mp4", clip) for number in range(4)])
    specs = clips_named([str(tar)])
    monkeypatch.setattr(DecompressedFile, "__init__", counted)
    digests = {open_clip(spec).sha256() for spec in specs}
    assert (len(passes), len(digests)) == (1, 1)
    open_clip(specs[0])
    assert len(passes) == 2


def test_a_member_is_in_a_file_without_a_name(tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left when the program is killed; another process finds it while this one holds it."""
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spools))
    tar = packed(tmp_path / "part.tar.gz", [("a.mp4", clip)])
    source = open_clip(f"{tar}::a.mp4")
    assert source.spool is not None
    assert (source.spool.read_bytes(), list(spools.iterdir())) == (clip, [])
    again = open_source(f"{tar}::a.mp4", spool=source.spool)
    assert (again.stem, again.sha256(), again.mtime_ns) == ("a", source.sha256(), tar.stat().st_mtime_ns)
    (tmp_path / "intrinsics.json").write_text("{}")
    assert source.intrinsics_path() == tmp_path / "intrinsics.json"


@pytest.mark.parametrize("kind", PACKERS)
def test_what_comes_before_damage_is_read(tmp_path: Path, clip: bytes, kind: str) -> None:
    """The clips before a cut play; the tar itself is one error more, in one sentence."""
    noise = [random.Random(number).randbytes(100_000) for number in range(3)]
    whole = packed(tmp_path / "whole", [("a.mp4", clip), *((f"{n}.mp4", data) for n, data in enumerate(noise))], kind)
    tar = tmp_path / f"part.{kind}"
    tar.write_bytes(whole.read_bytes()[: round(whole.stat().st_size * 0.8)])
    *clips, fault = list_clips([str(tar)]).clips
    assert clips[0].spec == f"{tar}::a.mp4"
    assert "is damaged" in str(fault.fault)
    assert str(fault.fault).endswith("only the clips before that can be read")
    assert open_clip(f"{tar}::a.mp4").size_bytes == len(clip)
    with pytest.raises(SourceError, match="breaks off within"):
        open_clip(clips[-1].spec)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_cut_within_the_first_block_is_named(tmp_path: Path, kind: str) -> None:
    """Where nothing could be decompressed, the fault is the cut, and not that the tar is empty."""
    tar = packed(tmp_path / f"part.{kind}", [("a.mp4", random.Random(0).randbytes(5000))], kind)
    tar.write_bytes(tar.read_bytes()[:60])
    (found,) = list_clips([str(tar)]).clips
    assert re.fullmatch(rf"{re.escape(str(tar))} cannot be read as a tar \(.* ended before .*\)", str(found.fault))


def test_a_compressed_tar_without_its_member_names_some(tmp_path: Path, clip: bytes) -> None:
    """The tar alone, and a member that it lacks."""
    tar = packed(tmp_path / "part.tar.gz", [("a.mp4", clip)])
    for spec in (str(tar), f"{tar}::absent.mp4"):
        with pytest.raises(SourceError, match=r"choose one of part\.tar\.gz::a\.mp4"):
            open_clip(spec)


def test_what_expands_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither memory nor time goes into it."""
    monkeypatch.setattr(compressed, "_FREE_BYTES", 1 << 22)
    header = tarfile.TarInfo("a.mp4")
    header.size = 1 << 40
    path = tmp_path / "part.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(16):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    (only,) = list_clips([str(path)]).clips
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "expands to more than 200 times its size" in str(only.fault)
    assert peak_bytes < 8_000_000


def test_a_member_beyond_the_disk_is_no_room(tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the folder and what helps, before anything is written."""
    usage = namedtuple("usage", ("total", "used", "free"))
    tar = packed(tmp_path / "part.tar.gz", [("a.mp4", clip)])
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(9, 8, 1))
    with pytest.raises(NoRoomError, match=r"part\.tar\.gz::a\.mp4 takes .* has 1 left: set TMPDIR"):
        open_clip(f"{tar}::a.mp4")


@pytest.mark.parametrize("name", ["part.tar.lz4", "part.TAR.LZ"])
def test_other_compressions_are_named(tmp_path: Path, name: str) -> None:
    """By themselves and in a folder."""
    (tmp_path / name).write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    for spec in (tmp_path / name, tmp_path):
        (only,) = list_clips([str(spec)]).clips
        assert "is compressed in a way that cannot be read: decompress it" in str(only.fault)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_content_can_only_be_passed_forward(tmp_path: Path, kind: str) -> None:
    """Skipping beyond its end stays there, and joined files are one."""
    path = tmp_path / f"joined.{kind}"
    compress = PACKERS[kind]
    path.write_bytes(compress(b"abc") + compress(b"def"))
    with DecompressedFile(path) as file:
        assert (file.read(2), file.seek(1, os.SEEK_CUR), file.read(9)) == (b"ab", 3, b"def")
        assert file.seek(100) == 6
        with pytest.raises(ValueError, match="has been passed"):
            file.seek(0)
    with io.BufferedReader(DecompressedFile(path)) as whole:
        assert whole.read() == b"abcdef"


def test_a_clip_of_a_compressed_tar_needs_no_ending(tmp_path: Path) -> None:
    """A file that is named like a video, and is a compressed tar, is a tar."""
    clip = make_clip(tmp_path / "clip.mp4", frames=3)
    tar = packed(tmp_path / "odd.mp4", [("clip.mp4", clip.read_bytes())])
    assert clips_named([str(tar)]) == [f"{tar}::clip.mp4"]
