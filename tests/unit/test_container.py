"""Which stream of a container is the clip, what is known of it, and what is refused."""

import random
import re
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from stream.errors import SourceError
from stream.sources.live.options import LiveOptions
from stream.sources.live.source import LiveSource
from stream.sources.table import open_clip
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from tests.support.clips import decode, join_streams, make_audio, make_clip


def _facts(path: Path) -> StreamFacts:
    return read_facts(open_clip(str(path)))


def test_rotation_is_a_fact_and_pixels_are_not_rotated(tmp_path: Path) -> None:
    """The rotation is a fact for the rectifier; the decoded pictures are as they were coded."""
    upright = make_clip(tmp_path / "upright.mp4", frames=3)
    turned = make_clip(tmp_path / "turned.mp4", frames=3, rotation_deg=90)
    facts = _facts(turned)
    assert (facts.rotation_deg, facts.width_px, facts.height_px) == (90, 128, 96)
    assert (facts.display_width_px, facts.display_height_px) == (96, 128)
    assert (_facts(upright).rotation_deg, _facts(upright).display_width_px) == (0, 128)
    assert decode(turned).digests == decode(upright).digests


def test_the_facts_are_those_of_the_stream(tmp_path: Path) -> None:
    """Codec, size, depth, rate and what the header declares are read, ten bits among them."""
    facts = _facts(make_clip(tmp_path / "clip.mp4", frames=6, pixel_format="yuv420p10le", start_s=1.4))
    assert facts == StreamFacts(
        codec="hevc",
        width_px=128,
        height_px=96,
        rotation_deg=0,
        display_width_px=128,
        display_height_px=96,
        fps=30.0,
        time_base="1/90000",
        pixel_format="yuv420p10le",
        bit_depth=10,
        start_pts=126_000,
        declared_s=0.2,
        declared_frames=6,
    )


def test_the_default_stream_comes_before_the_larger(tmp_path: Path) -> None:
    """Of several video streams the one marked as default is the clip, and else the one with most pixels."""
    small = make_clip(tmp_path / "small.mp4", frames=4)
    large = make_clip(tmp_path / "large.mp4", frames=6, width_px=256)
    for default, frames in ((0, 4), (1, 6), (None, 6)):
        path = join_streams([small, large], tmp_path / f"{default}.mkv", default=default)
        assert len(decode(path).pictures) == frames


def test_a_cover_picture_is_not_the_clip(tmp_path: Path) -> None:
    """A still attached to a song is no video, although it is stored as a video stream."""
    path = tmp_path / "song.mp4"
    with av.open(str(make_audio(tmp_path / "sound.mp4"))) as source, av.open(str(path), "w") as output:
        sound = output.add_stream_from_template(source.streams.audio[0])
        still = output.add_stream("mjpeg", rate=1)
        still.width, still.height, still.pix_fmt = 64, 48, "yuvj420p"
        still.disposition = Disposition.attached_pic
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                output.mux(packet)
        output.mux([*still.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))), *still.encode()])
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(SourceError, match="has no video stream, only: audio, video"):
        _facts(path)


def test_metadata_in_an_unknown_encoding_is_ignored(tmp_path: Path) -> None:
    """A title that is not UTF-8 does not keep a clip from being read."""
    path = tmp_path / "titled.mkv"
    with av.open(str(make_clip(tmp_path / "clip.mkv", frames=3))) as container, av.open(str(path), "w") as output:
        output.metadata["title"] = "a plain title"
        stream = output.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    path.write_bytes(path.read_bytes().replace(b"a plain title", b"\xff plain title"))
    assert len(decode(path).pictures) == 3


def test_matroska_declares_its_length_for_the_whole_file(tmp_path: Path) -> None:
    """Where the stream declares no duration, the container's is the one that is declared."""
    facts = _facts(make_clip(tmp_path / "clip.mkv", frames=30))
    assert facts.declared_s == pytest.approx(1.0, abs=0.002)
    assert facts.declared_frames is None


def test_file_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    """The error says what is wrong: what else the file is, or what it lacks."""
    clip = make_clip(tmp_path / "clip.mkv", frames=3).read_bytes()
    for name, (content, what) in {
        "notes.txt": (b"just a text\n" * 100, "its content is of another kind (text)"),
        "page.mp4": (b"<!DOCTYPE html><p>404</p>", "its content is of another kind (HTML page)"),
        "still.mp4": (b"\x89PNG\r\n\x1a\n" + bytes(100), "its content is of another kind (PNG picture)"),
        "pointer.mp4": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "it is a Git LFS pointer",
        ),
        "cut.mkv": (clip[:40], "it begins as Matroska or WebM, but is damaged or incomplete"),
        "noise.mp4": (random.Random(0).randbytes(5000), "its content is of no known kind"),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=re.escape(f"{name} is not a video that can be read: {what}")):
            _facts(tmp_path / name)
    with pytest.raises(SourceError, match="has no video stream, only: audio"):
        _facts(make_audio(tmp_path / "sound.mp4"))


@pytest.mark.parametrize(
    "text",
    ["#EXTM3U\n#EXTINF:1,\nclip.ts\n", '\ufeff<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'],
)
def test_a_playlist_in_a_file_is_named(tmp_path: Path, text: str) -> None:
    """HLS and DASH, on disk and by a pipe, in the words in which an address of one is refused."""
    path = tmp_path / "list.mp4"
    path.write_text(text)
    with path.open("rb") as pipe, tempfile.TemporaryFile() as head:
        options = LiveOptions(kind="pipe", stdin_fds=(pipe.fileno(), head.fileno()))
        for source in (open_clip(str(path)), LiveSource("-", "stdin", options)):
            with pytest.raises(SourceError, match=r"is a playlist .* give the address of the stream itself"):
                read_facts(source)


def test_an_absurd_size_is_refused(tmp_path: Path) -> None:
    """Pictures beyond 16384 pixels a side are refused by the header, before one is decoded."""
    path = make_clip(tmp_path / "wide.mp4", width_px=16448, height_px=64, frames=1)
    with pytest.raises(SourceError, match="claims pictures of 16448x64 pixels"):
        _facts(path)


def test_the_bound_on_pixels_holds_for_header_and_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pixels than allowed are refused by the header, and in the middle of a stream they are not decoded."""
    small = make_clip(tmp_path / "small.hevc", width_px=64, height_px=64, frames=5)
    large = make_clip(tmp_path / "large.hevc", width_px=320, height_px=192, frames=5)
    both = tmp_path / "both.hevc"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setattr("stream.video.container.MAX_PIXELS", 128 * 128)
    with pytest.raises(SourceError, match="claims pictures of 320x192 pixels"):
        _facts(large)
    decoded = decode(both)
    assert len(decoded.pictures) == 5
    (damage,) = decoded.damage
    assert "cannot be decoded" in damage.reason
