"""Which files of a folder or a tar are clips: their content decides, and what is left out has a reason."""

import io
import os
import tarfile
from pathlib import Path

import av
import numpy as np
import pytest

from stream.errors import SourceError
from stream.sources.discover import list_clips
from stream.sources.selection import Candidate, Listing, by_reason, select
from stream.sources.signatures import HEAD_BYTES, UNKNOWN, content_of
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.clips import clips_named, decode, make_audio, make_clip, make_with
from tests.support.data_hub import tar_bytes

CONTAINERS = [
    ("mov", "libx265"), ("mp4", "libx264"), ("matroska", "libx265"), ("webm", "libvpx"), ("mpegts", "libx265"),
    ("avi", "mpeg4"), ("flv", "libx264"), ("asf", "wmv2"), ("mpeg", "mpeg2video"), ("mpeg1video", "mpeg1video"),
    ("hevc", "libx265"), ("h264", "libx264"), ("ogg", "libvpx"), ("ivf", "libvpx"), ("mxf", "mpeg2video"),
    ("m4v", "mpeg4"), ("mpjpeg", "mjpeg"),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec"), CONTAINERS, ids=[container for container, _ in CONTAINERS])
def test_a_video_needs_no_name(tmp_path: Path, container: str, codec: str) -> None:
    """Every container is recognised by its first bytes, without an ending and with a wrong one, and plays."""
    clip = make_with(tmp_path / "recording", container, codec)
    (tmp_path / "part.dat").write_bytes(clip.read_bytes())
    assert clips_named([str(tmp_path)]) == [str(tmp_path / "part.dat"), str(clip)]
    assert read_facts(open_clip(str(clip))).width_px == 128


@pytest.mark.parametrize("name", ["a.MOV", "b.mkv", "c.h265", "d.ts", "e", "f.mp4.bak"])
def test_a_tar_is_its_videos(tmp_path: Path, name: str) -> None:
    """Members are recognised as files are, and are decoded in place."""
    clip = make_clip(tmp_path / "whole.mp4", frames=12)
    tar = tmp_path / "part000.tar"
    tar.write_bytes(tar_bytes([("notes.md", b"# notes"), (name, clip.read_bytes())]))
    assert clips_named([str(tar)]) == [f"{tar}::{name}"]
    assert decode(f"{tar}::{name}").digests == decode(clip).digests


def pictures() -> dict[str, bytes]:
    """Pictures as libav encodes them."""
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
    by_format = {}
    for codec, pixels in (("mjpeg", "yuvj420p"), ("png", "rgb24")):
        encoder = av.CodecContext.create(codec, "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 16, 16, pixels, 25  # type: ignore[assignment]
        packets = [*encoder.encode(frame.reformat(format=pixels)), *encoder.encode()]
        by_format[codec] = bytes(packets[0])
    return by_format


def test_what_is_no_video_is_left_out_with_its_reason(tmp_path: Path) -> None:
    """Pictures, text, audio, folders and hidden files; a clip's sidecar and a calibration are not worth a word."""
    for codec, data in pictures().items():
        (tmp_path / f"picture.{codec}").write_bytes(data)
    (tmp_path / "labels.csv").write_text("a,b\n")
    (tmp_path / "audio").mkdir()
    make_audio(tmp_path / "sound", "mp4")
    make_audio(tmp_path / "sound.m4a", "ipod")
    (tmp_path / "weights").write_bytes(bytes(range(256)))
    (tmp_path / ".clip.mp4").write_bytes(b"x")
    (tmp_path / "nothing").touch()
    clip = make_clip(tmp_path / "clip.mp4", frames=3)
    for name in ("clip.json", "intrinsics.json"):
        (tmp_path / name).write_text("{}")
    listing = list_clips([str(tmp_path)])
    assert [each.spec for each in listing.clips] == [str(clip)]
    assert {Path(each.path).name: each.reason for each in listing.left_out} == {
        ".clip.mp4": "hidden file",
        "audio": "folder",
        "labels.csv": "text",
        "nothing": "empty file",
        "picture.mjpeg": "JPEG picture",
        "picture.png": "PNG picture",
        "sound": "MP4 or QuickTime without video",
        "sound.m4a": "MPEG-4 audio",
        "weights": "unknown content",
    }


@pytest.mark.parametrize(("name", "container"), [("a.mp4", "mp4"), ("b.MOV", "mov"), ("c.mkv", "matroska")])
def test_audio_with_the_name_of_a_video_is_left_out(tmp_path: Path, name: str, container: str) -> None:
    """In a folder and in a tar; a clip beside it is taken, and so is a container that has lost its streams."""
    folder, tar = tmp_path / "day", tmp_path / "day.tar"
    folder.mkdir()
    audio, clip = make_audio(folder / name, container), make_clip(folder / "clip.mp4", frames=3)
    (folder / "cut.mp4").write_bytes(clip.read_bytes()[:40])
    members = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    tar.write_bytes(tar_bytes(members))
    for place, separator in ((folder, "/"), (tar, "::")):
        listing = list_clips([str(place)])
        assert sorted(each.spec for each in listing.clips) == [
            f"{place}{separator}{n}" for n in ("clip.mp4", "cut.mp4")
        ]
        ((path, reason),) = listing.left_out
        assert path == f"{place}{separator}{audio.name}"
        assert reason.endswith("without video")


def test_a_name_like_a_videos_is_opened(tmp_path: Path) -> None:
    """What its first bytes leave open is a clip, and a damaged one is an error rather than left out."""
    (tmp_path / "cut.mp4").write_bytes(bytes(5000))
    (tmp_path / "page.mkv").write_text("<html>not found</html>")
    (tmp_path / "empty.ts").touch()
    assert len(clips_named([str(tmp_path)])) == 3
    for name in ("cut.mp4", "page.mkv", "empty.ts"):
        with pytest.raises(SourceError):
            read_facts(open_clip(str(tmp_path / name)))


def linked_tar(path: Path, clip: bytes, kind: bytes, links: dict[str, str]) -> Path:
    """A tar with ``day/clip.mp4`` and links."""
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("day/clip.mp4")
        member.size = len(clip)
        tar.addfile(member, io.BytesIO(clip))
        for name, target in links.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            tar.addfile(link)
    return path


@pytest.mark.parametrize(
    ("kind", "links"),
    [
        (tarfile.LNKTYPE, {"night/other.mp4": "day/clip.mp4", "third": "./night/other.mp4"}),
        (tarfile.SYMTYPE, {"night/other.mp4": "../day/clip.mp4", "third": "night/other.mp4"}),
    ],
    ids=["hard", "symbolic"],
)
def test_links_in_a_tar_are_followed(tmp_path: Path, kind: bytes, links: dict[str, str]) -> None:
    """A link stands for the member that it leads to, also through another link."""
    clip = make_clip(tmp_path / "clip.mp4", frames=6)
    tar = linked_tar(tmp_path / "part000.tar", clip.read_bytes(), kind, links)
    assert clips_named([str(tar)]) == [f"{tar}::{name}" for name in ("day/clip.mp4", *links)]
    for name in links:
        assert open_clip(f"{tar}::{name}").sha256() == open_clip(str(clip)).sha256()


def test_links_that_lead_nowhere_are_left_out(tmp_path: Path) -> None:
    """Out of the tar, in a circle, and to itself."""
    clip = make_clip(tmp_path / "clip.mp4", frames=6)
    links = {"out.mp4": "../../etc/clip.mp4", "a.mp4": "b.mp4", "b.mp4": "a.mp4", "self.mp4": "self.mp4"}
    tar = linked_tar(tmp_path / "part000.tar", clip.read_bytes(), tarfile.SYMTYPE, links)
    listing = list_clips([str(tar)])
    assert [each.spec for each in listing.clips] == [f"{tar}::day/clip.mp4"]
    assert [each.path for each in listing.left_out] == [f"{tar}::{name}" for name in links]
    assert listing.left_out[0].reason == "link to ../../etc/clip.mp4, which is not in the tar"
    with pytest.raises(SourceError, match=r"a\.mp4 is a link to 'b\.mp4', which is not in the tar|'a\.mp4'"):
        open_clip(f"{tar}::a.mp4")


@pytest.mark.parametrize("name", ["part000.tar", "part000"])
def test_a_tar_of_seventh_unix_has_no_mark(tmp_path: Path, name: str) -> None:
    """It is known by the checksum of its first header, as every tar is."""
    clip = make_clip(tmp_path / "clip.mp4", frames=6)
    data = tar_bytes([("clip.mp4", clip.read_bytes())])
    header = bytearray(data[:512])
    header[257:512] = bytes(255)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "tars" / name
    path.parent.mkdir()
    path.write_bytes(bytes(header) + data[512:])
    assert clips_named([str(path)]) == clips_named([str(path.parent)]) == [f"{path}::clip.mp4"]
    assert decode(f"{path}::clip.mp4").digests == decode(clip).digests


def test_a_pattern_leaves_out_what_is_no_video(tmp_path: Path) -> None:
    """It names what it matches, and only videos are meant."""
    clip = make_clip(tmp_path / "a.mov", frames=3)
    (tmp_path / "a.txt").write_text("words")
    listing = list_clips([f"{tmp_path}/a*"])
    assert (listing.clips[0].spec, listing.left_out[0].path) == (str(clip), str(tmp_path / "a.txt"))


def test_special_files_are_not_opened(tmp_path: Path) -> None:
    """A pipe would be waited for without end, and a link to nothing has no content."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nothing")
    make_clip(tmp_path / "clip.mp4", frames=3)
    reasons = [each.reason for each in list_clips([str(tmp_path)]).left_out]
    assert reasons == ["link to nothing", "special file"]


@pytest.mark.parametrize("make_tar", [False, True], ids=["folder", "tar"])
def test_without_any_video_the_sentence_says_what_is_there(tmp_path: Path, *, make_tar: bool) -> None:
    """It names the first files of each kind, and counts the rest."""
    files = [(f"{number}.txt", b"words") for number in range(5)] + [("x.png", pictures()["png"])]
    place = tmp_path / "part000.tar"
    if make_tar:
        place.write_bytes(tar_bytes(files))
    else:
        place = tmp_path / "folder"
        place.mkdir()
        for name, data in files:
            (place / name).write_bytes(data)
    (only,) = list_clips([str(place)]).clips
    assert str(only.fault) == (
        f"{place} holds no video, only 5 x text (0.txt, 1.txt, 2.txt, and 2 more); 1 x PNG picture (x.png): name a clip"
    )


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    """There is nothing to name."""
    (only,) = list_clips([str(tmp_path)]).clips
    assert str(only.fault) == f"{tmp_path} is empty: name a clip, or a folder or a tar with clips"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "empty file"),
        (b"\xff\xfb\x90\x64" + bytes(100), "MPEG audio"),
        (b"\xff\xf1\x50\x80" + bytes(100), "MPEG audio"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAVE audio"),
        (b"\0\0\0\x18ftypheic", "HEIF picture"),
        (b"\0\0\0\x18ftypM4A ", "MPEG-4 audio"),
        (b"\0\0\0\x08wide", "MP4 or QuickTime"),
        (b"OggS" + bytes(24) + b"OpusHead", "Ogg audio"),
        (b"\x47" + bytes(187), "unknown content"),
        (b"\x47\x40\0\x10" + (bytes(184) + b"\x47\x40\0\x10") * 3, "MPEG transport stream"),
        (bytes(4) + b"\x47" + (bytes(191) + b"\x47") * 3, "MPEG transport stream"),
        (("é" * HEAD_BYTES).encode()[:HEAD_BYTES - 1], "text"),
        (b"\0" * HEAD_BYTES, "unknown content"),
    ],
)  # fmt: skip
def test_signatures(head: bytes, name: str) -> None:
    """A file is named for people by its first bytes."""
    assert content_of(head).name == name


def test_any_beginning_has_an_answer() -> None:
    """Short and odd ones, too."""
    chance = np.random.default_rng(0)
    for size in range(64):
        for start in (b"", b"\0\0\x01", b"\0\0\0\x01", b"OggS", b"RIFF", b"\xff"):
            assert content_of(start + chance.bytes(size)).kind


def test_reasons_are_counted() -> None:
    """A tar within a folder keeps its own; three names a reason are enough."""
    inner = select([Candidate("t.tar::a.bin", UNKNOWN)])
    listing = select([inner, *(Candidate(f"f/{number}.bin", UNKNOWN) for number in range(4))])
    assert listing == Listing([], [*inner.left_out, *listing.left_out[1:]])
    assert by_reason(listing.left_out) == ["5 x unknown content (a.bin, 0.bin, 1.bin, and 2 more)"]
