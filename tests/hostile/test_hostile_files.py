"""Files that only call themselves clips: archives, playlists, devices, links, and names that lead elsewhere."""

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.errors import SourceError
from stream.records.schema.layout import RunLayout
from stream.records.store.run_lock import clear
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.clips import clips_named, make_clip
from tests.support.inline import run_inline

_TERABYTE = 1 << 40


def _zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


_IMPOSTORS: dict[str, Callable[[bytes], bytes]] = {
    "a zip": lambda clip: _zip("clip.mp4", clip),
    "a zip that unpacks to gigabytes": lambda _: _zip("clip.mp4", bytes(1 << 24)),
    "a gzip": gzip.compress,
    "a playlist": lambda _: b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "a list of files": lambda _: b"ffconcat version 1.0\nfile 'clip.mp4'\n",
    "a session description": lambda _: (
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"
    ),
    "a picture": lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a web page": lambda _: b"<!DOCTYPE html><script>alert(1)</script>",
    "one byte": lambda _: b"\x00",
    "zeros": lambda _: bytes(100_000),
    "the first box alone": lambda clip: clip[:32],
    "a program": lambda _: b"\x7fELF" + bytes(5000),
}


@pytest.mark.parametrize("name", _IMPOSTORS)
def test_source_that_is_not_a_clip_is_refused(tmp_path: Path, clip: Path, name: str) -> None:
    """Whatever its name says: nothing is unpacked, no other file or address is opened, and one error says so."""
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "impostor.mp4").write_bytes(_IMPOSTORS[name](clip.read_bytes()))
    with pytest.raises(SourceError, match=r"impostor\.mp4 is (not a video that can be read|a playlist)"):
        read_facts(open_clip(str(tmp_path / "impostor.mp4")))


def test_a_file_of_a_terabyte_is_not_searched(tmp_path: Path) -> None:
    """A sparse file without a video in it is refused after a look at its beginning."""
    with (tmp_path / "sparse.mp4").open("wb") as file:
        file.truncate(_TERABYTE)
    with pytest.raises(SourceError, match="is not a video that can be read"):
        read_facts(open_clip(str(tmp_path / "sparse.mp4")))


def test_source_that_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    """Devices, pipes and links that lead nowhere or in a circle: nothing is waited for."""
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "device.mp4").symlink_to("/dev/zero")
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.mp4").symlink_to(tmp_path / "circle.mp4")
    for name in ("pipe", "device", "dangling", "circle"):
        with pytest.raises(SourceError):
            open_clip(str(tmp_path / f"{name}.mp4"))


def test_a_link_to_a_clip_is_that_clip(tmp_path: Path, clip: Path) -> None:
    """As everywhere; its own name is the run's."""
    (tmp_path / "link.mp4").symlink_to(clip)
    assert open_clip(str(tmp_path / "link.mp4")).stem == "link"


@pytest.mark.parametrize("stem", ["x" * 201, "ü" * 101, "bell\x07", "turned\u202e"])
def test_a_name_that_no_run_directory_could_have_is_refused(tmp_path: Path, clip: Path, stem: str) -> None:
    """Too long for the endings that are put behind it, or nothing that can be shown."""
    (tmp_path / f"{stem}.mp4").symlink_to(clip)
    with pytest.raises(SourceError, match="has no name that a run directory could have: rename it"):
        open_clip(str(tmp_path / f"{stem}.mp4"))


def test_the_longest_name_is_run(tmp_path: Path, clip: Path) -> None:
    """With a name of 200 bytes, every file of the run can still be named."""
    stem = "x" * 200
    (tmp_path / f"{stem}.mp4").symlink_to(clip)
    result = run_inline(tmp_path / f"{stem}.mp4", "--no-rectify", "--encoder", "grid", "--out", tmp_path / "runs")
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "runs" / stem / f"{stem}_annotations.json").exists()


def test_a_name_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, in the name or in that of its folder, could not be written into a record."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    clip = make_clip(tmp_path / "clip.mp4", frames=1)
    clip.rename(os.fsdecode(folder + b"/clip.mp4"))
    with pytest.raises(SourceError, match="is not named in UTF-8: rename the clip, or its folder"):
        open_clip(os.fsdecode(folder + b"/clip.mp4"))


@pytest.mark.parametrize("stem", ["*", "[ab]", "**", "a**b", "[", "?x"])
def test_a_name_that_is_a_pattern_names_itself_alone(tmp_path: Path, stem: str) -> None:
    """When a run begins anew, its own files go, and those of a clip of another name stay."""
    layout = RunLayout(tmp_path, stem)
    own, other = layout.annotations, RunLayout(tmp_path, "another").annotations
    own.write_text("[]")
    other.write_text("[]")
    clear(layout)
    assert (own.exists(), other.exists()) == (False, True)


def test_a_list_without_end_is_refused(tmp_path: Path) -> None:
    """Of a device that never ends no more is read than any list has."""
    with pytest.raises(SourceError, match="is longer than 16777216 characters: give it in parts"):
        clips_named(["@/dev/zero"])
    (tmp_path / "list.txt").write_bytes(b"clip\x00.mp4\n")
    (named,) = clips_named([f"@{tmp_path}/list.txt"])
    with pytest.raises(SourceError):
        open_clip(named)
