"""Clocks, rates and durations that no clip has: they cost a picture or two, and no run without end."""

import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from stream.errors import SourceError
from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import Packet, SourceEvent
from stream.pipeline.stage import drive
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import _rate_fps, read_facts
from stream.video.packets import packets
from stream.video.timeline import LEAP_S, TimeLine
from tests.support.clips import Decoded, decode, make_clip, remux
from tests.support.hostile import box, patched, u32

_FPS = 30
_FOREVER_S = 1e6


def _with_pts(clip: Path, pts: dict[int, int]) -> Decoded:
    """What is decoded where some packets have other PTS, in ticks of the stream."""

    def with_pts(number: int, item: Packet | SourceEvent) -> Packet | SourceEvent:
        if number in pts and isinstance(item, Packet):
            item.packet.pts = pts[number]
        return item

    source = open_clip(str(clip))
    stage, decoded = Decode(source.name, read_facts(source)), Decoded()
    decoded.add(drive(stage, (with_pts(*each) for each in enumerate(packets(source)))))
    decoded.end = stage.end("end_of_stream")
    return decoded


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames without B-frames: packets come in the order of display."""
    return make_clip(tmp_path_factory.mktemp("plain") / "plain.mp4")


@pytest.mark.parametrize("pts", [2**62, -(2**62), 2**40])
@pytest.mark.parametrize("number", [0, 12, 29])
def test_one_absurd_time_costs_two_pictures_at_most(plain: Path, number: int, pts: int) -> None:
    """The picture with the leap and the one that leaps back are damage; all others keep their distances."""
    decoded = _with_pts(plain, {number: pts})
    assert 28 <= len(decoded.pictures) < 30
    assert any("leaps by" in damage.reason for damage in decoded.damage)
    assert decoded.end.packets_lost >= 30 - len(decoded.pictures)
    assert decoded.end.decoded_s == pytest.approx(1.0, abs=2 / _FPS)


def test_time_continues_after_a_permanent_clock_jump(plain: Path) -> None:
    """From the leap on time counts by the new clock: one picture is lost, and no hours are made up."""
    leap = 3 * 3600 * 90_000
    decoded = _with_pts(plain, {number: leap + number * 3000 for number in range(15, 30)})
    assert len(decoded.pictures) == 29
    (damage,) = decoded.damage
    assert damage.packets == 1
    assert damage.reason == "its time leaps by 10800 s"
    assert decoded.times_s[15:] == pytest.approx([number / _FPS for number in range(16, 30)])
    assert decoded.end.decoded_s == pytest.approx(1.0)


def test_a_hole_of_minutes_is_a_hole(plain: Path) -> None:
    """A camera that paused for half an hour is believed, and the time for which it gave nothing is damage."""
    pause = 1800 * 90_000
    decoded = _with_pts(plain, {number: pause + number * 3000 for number in range(15, 30)})
    (damage,) = decoded.damage
    assert [damage.t_start_s, damage.t_end_s, damage.packets] == pytest.approx([0.5, 1800.5, 0])
    assert decoded.times_s[15] == pytest.approx(1800.5)


def test_a_loss_does_not_reach_beyond_a_leap() -> None:
    """Damage whose end would lie more than an hour ahead has no length: nothing says where it ends."""
    line = TimeLine(1 / _FPS)
    line.place(0.0, 1 / _FPS)
    line.lose(LEAP_S + 1.0, 3, "lost")
    assert list(line.close()) == [SourceDamaged(1 / _FPS, 1 / _FPS, "lost", 3)]


_LIES: dict[str, list[tuple[bytes, int, bytes]]] = {
    "no ticks a second": [(b"mdhd", 12, u32(0))],
    "one tick a second": [(b"mdhd", 12, u32(1))],
    "a billion ticks a second": [(b"mdhd", 12, u32(10**9))],
    "a length of zero": [(b"mdhd", 16, u32(0))],
    "a length of hours": [(b"mdhd", 16, u32(2**32 - 1))],
    "pictures of hours": [(b"stts", 12, u32(2**31 - 1))],
    "pictures of 68 years": [(b"mdhd", 12, u32(1)), (b"stts", 12, u32(2**31 - 1))],
    "pictures of no length": [(b"stts", 12, u32(0))],
    "pictures that go back": [(b"stts", 12, u32(2**32 - 1))],
    "two billion pictures": [(b"stts", 8, u32(2**31 - 1))],
    "a table of two billion rows": [(b"stts", 4, u32(2**31 - 1))],
    "two billion sizes": [(b"stsz", 8, u32(2**31 - 1))],
    "a hundred million pictures of a byte": [(b"stsz", 4, u32(1)), (b"stsz", 8, u32(10**8)), (b"stts", 8, u32(10**8))],
    "a picture of 4 GB": [(b"stsz", 12, u32(2**32 - 1))],
    "a chunk behind the end": [(b"stco", 8, u32(2**32 - 1))],
    "an edit of hours": [(b"elst", 8, u32(2**32 - 1))],
    "an edit that begins after the end": [(b"elst", 12, u32(2**31 - 1))],
}
"""Boxes of an MP4 (ISO/IEC 14496-12), each with the offset in its content and what is put there."""


@pytest.mark.parametrize("lie", _LIES)
def test_a_header_that_lies_makes_no_endless_clip(plain: Path, tmp_path: Path, lie: str) -> None:
    """Counts, sizes and durations beyond all bounds: refused, or decoded to a length that a run comes to the end of."""
    edits = [(box(plain, kind) + offset, content) for kind, offset, content in _LIES[lie]]
    path = patched(plain, tmp_path / "lie.mp4", *edits)
    source = open_clip(str(path))
    try:
        facts = read_facts(source)
        decoded = decode(path)
    except SourceError:
        return
    assert facts.fps is None or 1e-3 <= facts.fps <= 1e3
    assert facts.declared_s is None or facts.declared_s > 0
    assert 0 < decoded.end.decoded_s <= len(decoded.pictures) * LEAP_S
    assert decoded.end.decoded_s < _FOREVER_S


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -5.0, 1e308, 0.0])
def test_a_duration_that_is_none(tmp_path: Path, duration: float) -> None:
    """A Matroska file may contain NaN, infinity or less than nothing: the header then has no duration."""
    path = make_clip(tmp_path / "clip.mkv", frames=10)
    at = path.read_bytes().index(b"\x44\x89\x88") + 3  # Duration, eight bytes (RFC 9559, 5.1.2.10)
    patched(path, path, (at, struct.pack(">d", duration)))
    assert read_facts(open_clip(str(path))).declared_s is None
    assert len(decode(path).pictures) == 10


@pytest.mark.parametrize("rate", [Fraction(10**9), Fraction(1, 10**6), Fraction(-30), None])
def test_a_rate_that_no_camera_has_is_unknown(rate: Fraction | None) -> None:
    """Of a billion pictures a second, or one in twelve days, nothing is derived."""
    stream = SimpleNamespace(guessed_rate=rate)
    assert _rate_fps(stream) is None  # type: ignore[arg-type]  # all that is asked of a stream


def test_a_clip_of_one_picture(tmp_path: Path) -> None:
    """It lasts as long as its rate says."""
    decoded = decode(make_clip(tmp_path / "one.mp4", frames=1))
    assert (decoded.end.frames, decoded.damage) == (1, [])
    assert decoded.end.decoded_s == pytest.approx(1 / _FPS)


def test_times_in_no_order_are_put_in_one(plain: Path) -> None:
    """PTS dealt out anew within a second: pictures follow each other, half a frame apart where they would go back."""
    decoded = _with_pts(plain, {number: (number * 17 % 30) * 3000 for number in range(30)})
    assert decoded.times_s == sorted(set(decoded.times_s))
    assert len(decoded.pictures) + decoded.end.packets_lost >= 30
    assert decoded.end.decoded_s < 2.0


def test_a_stream_without_any_time_goes_by_its_rate(plain: Path, tmp_path: Path) -> None:
    """A bare stream has no PTS: pictures stand one behind the other."""
    decoded = decode(remux(plain, tmp_path / "bare.hevc"))
    with av.open(str(tmp_path / "bare.hevc")) as container:
        assert all(packet.pts is None for packet in container.demux(video=0))
    assert len(decoded.pictures) == 30
    assert decoded.times_s == sorted(set(decoded.times_s))
