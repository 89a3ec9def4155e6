"""Streams of bytes: over HTTP, through a pipe, from a growing file; and files on a server."""

import os
import threading
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from stream.errors import SourceError, UnreachableError
from stream.pipeline.items import Packet
from stream.pipeline.stage import drive
from stream.sources.clip import Clip
from stream.sources.live.byte_streams import GrowingFile
from stream.sources.live.options import LiveOptions
from stream.sources.live.reader import LiveReader
from stream.sources.live.source import LiveSource
from stream.sources.table import open_source
from stream.stages.decode import Decode
from stream.video.container import read_facts
from tests.support.clips import Decoded, decode, make_with
from tests.support.data_hub import clip_bytes
from tests.support.fake_time import FakeClock
from tests.support.live_http import Way, serving
from tests.support.stream_clips import make_stream_clips

QUICK = LiveOptions(read_timeout_s=5.0, reconnect_timeout_s=0.3)


ENDINGS = ["ts", "mkv", "h265"]


def _decoded(source: LiveSource) -> Decoded:
    """What decoding makes of all that a live source gives."""
    stage, decoded = Decode(source.name, read_facts(source)), Decoded()
    items = [packet for packet in LiveReader(source).packets() if packet is not None]
    decoded.add(drive(stage, items))
    decoded.end = stage.end("end_of_stream")
    return decoded


def _live(spec: str, options: LiveOptions = QUICK) -> LiveSource:
    source = open_source(spec, options)
    assert isinstance(source, LiveSource)
    return source


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One clip of four seconds in every container that can be streamed, by ending."""
    return make_stream_clips(tmp_path_factory.mktemp("streams"))


def test_a_file_on_a_server_is_a_file(clips: dict[str, Path]) -> None:
    """Where the server gives parts, all is as for a file on disk: its length, its end, and reading it again."""
    with serving(clips["mp4"].read_bytes(), "ranges", "clip.mp4?token=geheim7") as served:
        source = open_source(served.url, LiveOptions())
        assert isinstance(source, Clip)
        assert source.size_bytes == clips["mp4"].stat().st_size
        assert source.origin() == {
            "url": f"{served.url.partition('?')[0]}?token=***", "etag": '"one"', "member": None, "offset": 0,
        }  # fmt: skip
        with source.open() as first, source.open() as second:
            assert first.read() == second.read() == clips["mp4"].read_bytes()


def test_a_part_that_was_cut_off_is_requested_again(clips: dict[str, Path]) -> None:
    """The part is requested again, and nothing else."""
    data = clips["mp4"].read_bytes()
    with serving(data, "ranges") as served:
        source = open_source(served.url, LiveOptions())
        assert isinstance(source, Clip)
        served.cut_after = [1000, 500]
        with source.open() as file:
            assert file.read() == data
        assert served.sent_bytes <= len(data) + 1 + 1500  # one to find out that it is a file, and what was cut off


def test_a_file_that_changes_on_the_server_is_an_error(clips: dict[str, Path]) -> None:
    """Two contents are never mixed."""
    with serving(clips["mp4"].read_bytes(), "ranges") as served:
        source = open_source(served.url, LiveOptions())
        assert isinstance(source, Clip)
        served.etag = '"two"'
        with source.open() as file, pytest.raises(SourceError, match="has changed on the server"):
            file.read()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_stream_over_http_ends_at_its_declared_end(clips: dict[str, Path], ending: str) -> None:
    """Chunked, all of it came, and the last chunk says that it is the last: nothing is lost or sought again."""
    with serving(clips[ending].read_bytes(), "chunked") as served:
        decoded = _decoded(_live(served.url))
    assert decoded.digests == decode(clips[ending]).digests
    assert not decoded.damage


@pytest.mark.parametrize(("container", "codec"), [("flv", "libx264"), ("matroska", "libx264"), ("mpegts", "libx264")])
def test_a_stream_shorter_than_what_is_probed_plays(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], container: str, codec: str
) -> None:
    """Its end may be a cut, so it is looked for again; PyAV prints nothing of the errors in between."""
    data = make_with(tmp_path / "short", container, codec).read_bytes()
    with serving(data, "until closed") as served:
        source = _live(served.url)
        assert read_facts(source).codec == "h264"
        arriving = (each for each in LiveReader(source).packets() if isinstance(each, Packet))
        assert len(list(islice(arriving, 12))) == 12
    assert not source.has_end
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "name", ["part.tar", "part.tar.gz", "part.tgz::clip.mp4", "part.tar.zst?key=1", "a.tar::b.mp4"]
)
def test_a_tar_over_http_is_to_be_downloaded(name: str) -> None:
    """Before anything is requested."""
    with pytest.raises(SourceError, match="can only be read from a disk: download it"):
        open_source(f"http://[::1]:9/{name}")


def test_a_download_without_parts_is_never_skipped(clips: dict[str, Path]) -> None:
    """It has a length, so it is no camera, however fast it comes."""
    with serving(clips["ts"].read_bytes(), "length") as served:
        source = _live(served.url)
        assert (source.kind, source.is_camera) == ("download", False)
        assert _decoded(source).times_s == pytest.approx(decode(clips["ts"]).times_s)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, SourceError, "as http://USER:PASSWORD@HOST/PATH"),
        (None, UnreachableError, "refused"),
    ],
)
def test_a_server_that_gives_nothing(status: int | None, error: type[SourceError], words: str) -> None:
    """The sentence helps, and holds no password."""
    with serving(b"", "length", authorization="Basic other") as served:
        url = served.url.replace("http://", "http://u:geheim7@")
        if status:
            with pytest.raises(error, match=words) as raised:
                open_source(url, QUICK)
    if not status:
        with pytest.raises(error, match=words) as raised:
            open_source(url, QUICK)
    assert "geheim7" not in str(raised.value)


@pytest.mark.parametrize("ending", [*ENDINGS, "mp4"])
def test_standard_input_is_read_to_its_end(clips: dict[str, Path], ending: str) -> None:
    """Every picture, also those that were read to learn what the stream is, and none twice."""
    read_fd, write_fd = os.pipe()

    def fill() -> None:
        with open(write_fd, "wb") as pipe:  # noqa: PTH123 - a file descriptor
            pipe.write(clips[ending].read_bytes())

    writer = threading.Thread(target=fill)
    writer.start()
    head = os.memfd_create("head")
    try:
        looked = LiveSource("-", "stdin", LiveOptions(kind="pipe", stdin_fds=(read_fd, head)), keep_head=True)
        facts = read_facts(looked)
        source = LiveSource("-", "stdin", looked.options)
        stage, decoded = Decode("-", facts), Decoded()
        decoded.add(drive(stage, [packet for packet in LiveReader(source).packets() if packet is not None]))
    finally:
        writer.join()
        os.close(read_fd)
        os.close(head)
    assert decoded.digests == decode(clips[ending]).digests
    assert not decoded.damage


def test_a_growing_file_ends_after_its_idle_time(tmp_path: Path) -> None:
    """Counted from the last growth, on the monotonic clock, and once: libav reads several times at an end."""
    path, clock = tmp_path / "a.ts", FakeClock()
    path.write_bytes(b"abc")

    def grow(seconds: float) -> None:
        clock.wait(seconds)
        if len(clock.waits_s) == 25:
            with path.open("ab") as file:
                file.write(b"def")

    with GrowingFile(path, 5.0, clock=clock, wait=grow) as file:
        assert [file.read(10) for _ in range(5)] == [b"abc", b"def", b"", b"", b""]
    assert sum(clock.waits_s) == pytest.approx(2.5 + 5.0, abs=0.2)


def test_a_lag_limit_may_be_set_for_a_source_that_can_wait(clips: dict[str, Path]) -> None:
    """Its packets then have times of arrival, as a camera's."""
    with serving(clips["ts"].read_bytes(), "length") as served:
        items = [item for item in LiveReader(_live(served.url, LiveOptions(max_lag_s=60.0))).packets() if item]
    assert all(item.arrived_at is not None for item in items if isinstance(item, Packet))


def test_an_error_of_the_reading_thread_is_the_chains() -> None:
    """A source that cannot be opened ends the run with its sentence, not with silence."""
    source = LiveSource("gone.ts", "gone", LiveOptions(kind="growing"), path=Path("gone.ts"))
    with pytest.raises(SourceError, match=r"gone\.ts cannot be read: No such file"):
        list(LiveReader(source).packets())


@pytest.mark.parametrize("ending", ["ts", "mkv", "mp4"])
def test_a_file_that_grows_is_read_as_it_grows(
    tmp_path: Path, clips: dict[str, Path], ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it, though it is written while it is read; it ends when it no longer grows."""
    clock, is_written = FakeClock(), threading.Event()

    def wait(seconds: float) -> None:
        if is_written.wait(0.001):
            clock.wait(seconds)

    monkeypatch.setattr("stream.sources.live.source.GrowingFile", partial(GrowingFile, clock=clock, wait=wait))
    data, path = clips[ending].read_bytes(), tmp_path / f"growing.{ending}"
    path.write_bytes(data[: len(data) // 4])
    source = _live(str(path), QUICK.model_copy(update={"follow": True}))
    facts, feed = read_facts(source), LiveReader(source).packets()
    stage, decoded = Decode(source.name, facts), Decoded()
    for part in range(1, 4):
        decoded.add(out for packet in islice(feed, 5) if packet is not None for out in stage.on_item(packet))
        with path.open("ab") as file:
            file.write(data[part * len(data) // 4 : (part + 1) * len(data) // 4])
    is_written.set()
    decoded.add(drive(stage, [packet for packet in feed if packet is not None]))
    assert decoded.digests == decode(clips[ending]).digests
    assert not decoded.damage


def test_a_duration_ends_a_stream_that_waits(clips: dict[str, Path]) -> None:
    """By the stream's own time."""
    source = _live(str(clips["ts"]), QUICK.model_copy(update={"follow": True, "duration_s": 2.0}))
    assert _decoded(source).times_s == pytest.approx([number / 30 for number in range(60)], abs=1e-3)


def test_pictures_over_http_are_a_camera(tmp_path: Path) -> None:
    """MJPEG as cameras serve it plays; each picture has the time of its arrival."""
    data = make_with(tmp_path / "mjpeg", "mpjpeg", "mjpeg").read_bytes()
    with serving(data, "chunked", "video.mjpg") as server:
        source = _live(server.url)
        assert read_facts(source).codec == "mjpeg"
        arriving = (each for each in LiveReader(source).packets() if isinstance(each, Packet))
        packets = list(islice(arriving, 10))
    assert all(bytes(each.packet).startswith(b"\xff\xd8") for each in packets)
    assert str(packets[0].packet.time_base) == "1/90000"


@pytest.mark.parametrize(
    ("way", "name"), [("ranges", "live.m3u8"), ("length", "live.M3U8?token=x"), ("chunked", "manifest.mpd")]
)
def test_a_playlist_is_refused_in_one_sentence(way: Way, name: str) -> None:
    """It is a list of other addresses, with any content type."""
    with serving(b"#EXTM3U\n", way, name) as server, pytest.raises(SourceError, match="is a playlist") as caught:
        open_source(server.url)
    assert "give the address of the stream itself" in str(caught.value)


def test_an_index_at_the_end_of_a_stream_is_named(tmp_path: Path) -> None:
    """An MP4 of more than what is buffered cannot be played from a stream, and the sentence says what helps."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(clip_bytes(tmp_path, noise=True, frames=6))
    with pytest.raises(SourceError, match="is an MP4 with its index at the end") as caught:
        read_facts(_live(str(clip), LiveOptions(follow=True, read_timeout_s=0.01)))
    assert "-movflags +faststart" in str(caught.value)
