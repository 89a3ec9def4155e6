"""From a clip to pictures and damage: times, losses, loops, and what is refused."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BufferedReader, BytesIO
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from stream.errors import SourceError
from stream.items import Damage, Packet, Picture
from stream.stage import drive
from stream.stages.decode import Decode
from stream.video.container import StreamFacts, read_facts
from stream.video.ledger import Ledger
from stream.video.packets import Flush, packets
from stream.video.source import Source, open_source
from tests.clips import (
    Decoded,
    Shown,
    cut,
    decode,
    flip_bits,
    into_tar,
    join_streams,
    make_audio,
    make_clip,
    remux,
    texture,
)

_FPS = 30


def _facts(path: Path) -> StreamFacts:
    return read_facts(open_source(str(path)))


def _own_packets(path: Path, change: Callable[[int, "av.Packet[av.VideoStream]"], None]) -> Iterator[Packet]:
    """The clip's packets, each after ``change(number, packet)``."""
    for number, item in enumerate(packets(open_source(str(path)))):
        if item.packet.size:
            change(number, item.packet)
        yield item


def _only_damage(decoded: Decoded) -> tuple[float, float, int]:
    """Start and end in frames, and the packets lost, of the one damage that there is."""
    (damage,) = decoded.damage
    return round(damage.t_start_s * _FPS, 3), round(damage.t_end_s * _FPS, 3), damage.packets


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames, 30 fps, a key picture every 10, B-frames between: decoded in the order 0 3 2 1."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", b_frames=2)


@pytest.fixture(scope="module")
def whole(clip: Path) -> Decoded:
    return decode(clip)


# --- times ---


def test_pictures_come_in_the_order_of_display_at_their_times(whole: Decoded) -> None:
    """B-frames are reordered, indices count from 0, times are the PTS, and nothing is damaged."""
    assert [picture.index for picture in whole.pictures] == list(range(30))
    assert whole.times_s == pytest.approx([index / _FPS for index in range(30)])
    assert [picture.duration_s for picture in whole.pictures] == pytest.approx([1 / _FPS] * 30)
    assert whole.damage == []
    assert (whole.end.reason, whole.end.frames, whole.end.packets_lost) == ("end_of_stream", 30, 0)
    assert whole.end.decoded_s == pytest.approx(1.0)


@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_variable_rate_and_a_late_start_are_kept(tmp_path: Path, ending: str, b_frames: int) -> None:
    """Times are distances of PTS from the first frame's, whatever the rate and wherever the PTS begin."""
    times_s = [0.0, 0.1, 0.15, 0.5, 0.55, 2.0, 2.1]
    path = make_clip(tmp_path / f"clip.{ending}", frames=7, times_s=times_s, start_s=1.4, b_frames=b_frames)
    assert decode(path).times_s == pytest.approx(times_s, abs=0.001)  # Matroska counts in milliseconds


def test_repeated_and_falling_times_cost_no_picture(tmp_path: Path) -> None:
    """A PTS that repeats or goes back is put half a frame behind its predecessor, and the next PTS counts again."""
    path = make_clip(tmp_path / "clip.mp4", frames=10)

    def repeat(number: int, packet: "av.Packet[av.VideoStream]") -> None:
        ticks = packet.duration or 0
        packet.pts = {4: 3 * ticks, 7: 5 * ticks}.get(number, number * ticks)

    decoded = decode(path, _own_packets(path, repeat))
    expected = [0, 1, 2, 3, 3.5, 5, 6, 6.5, 8, 9]
    assert decoded.times_s == pytest.approx([frames / _FPS for frames in expected])
    assert decoded.damage == []


def test_times_out_of_order_cost_no_picture(clip: Path) -> None:
    """Where a container gives decode times for PTS, all pictures come, in order, and time goes on."""

    def set_pts_to_dts(_: int, packet: "av.Packet[av.VideoStream]") -> None:
        packet.pts = packet.dts

    decoded = decode(clip, _own_packets(clip, set_pts_to_dts))
    assert len(decoded.pictures) == 30
    assert decoded.times_s == sorted(set(decoded.times_s))
    assert decoded.end.decoded_s == pytest.approx(1.0, abs=2 / _FPS)


def test_without_pts_the_decode_times_count(clip: Path, whole: Decoded) -> None:
    """Packets without PTS give the same pictures, by their DTS: half a frame off where two come at once."""

    def drop_pts(_: int, packet: "av.Packet[av.VideoStream]") -> None:
        packet.pts = None

    decoded = decode(clip, _own_packets(clip, drop_pts))
    assert decoded.digests == whole.digests
    assert decoded.times_s == pytest.approx(whole.times_s, abs=0.51 / _FPS)
    assert decoded.times_s == sorted(set(decoded.times_s))


def test_without_any_time_each_picture_follows_the_last(tmp_path: Path, whole: Decoded) -> None:
    """A bare HEVC stream has no timestamps: its frames come one nominal frame after the other."""
    decoded = decode(make_clip(tmp_path / "clip.hevc", b_frames=2))
    assert decoded.digests == whole.digests
    assert len(decoded.times_s) == 30
    assert decoded.times_s[1] > 0
    assert decoded.times_s == pytest.approx([decoded.times_s[1] * index for index in range(30)])


def test_a_packet_without_duration_lasts_a_nominal_frame(clip: Path) -> None:
    """Where the container gives no duration, the nominal rate does."""

    def drop_duration(_: int, packet: "av.Packet[av.VideoStream]") -> None:
        packet.duration = 0

    decoded = decode(clip, _own_packets(clip, drop_duration))
    assert [picture.duration_s for picture in decoded.pictures] == pytest.approx([1 / _FPS] * 30)


# --- the stream and its facts ---


def test_a_rotated_clip_says_so_and_keeps_its_pixels(tmp_path: Path) -> None:
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
    """A large still attached to the file is passed over, and alone it is no video."""
    cover = tmp_path / "cover.mp4"
    with av.open(str(make_clip(tmp_path / "clip.mp4", frames=4))) as given, av.open(str(cover), "w") as made:
        video = made.add_stream_from_template(given.streams.video[0])
        still = made.add_stream("mjpeg", rate=1)
        still.width, still.height, still.pix_fmt = 640, 480, "yuvj420p"
        still.disposition = av.stream.Disposition.attached_pic
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                packet.stream = video
                made.mux(packet)
        frame = av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="rgb24")
        made.mux([*still.encode(frame), *still.encode()])
    assert (_facts(cover).width_px, len(decode(cover).pictures)) == (128, 4)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    """Text, noise, a playlist and sound alone are input errors that say what is wrong."""
    for name, content in {
        "notes.txt": b"just a text\n" * 100,
        "noise.mp4": random.Random(0).randbytes(5000),
        "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.ts\n#EXT-X-ENDLIST\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=f"{name} is not a video that can be read"):
            _facts(tmp_path / name)
    with pytest.raises(SourceError, match="has no video stream, only: audio"):
        _facts(make_audio(tmp_path / "sound.mp4"))


def test_an_absurd_size_is_refused(tmp_path: Path) -> None:
    """Pictures beyond 16384 pixels a side are refused by the header, before one is decoded."""
    path = make_clip(tmp_path / "wide.mp4", width_px=16448, height_px=64, frames=1)
    with pytest.raises(SourceError, match="claims pictures of 16448x64 pixels"):
        _facts(path)


def test_a_tar_member_decodes_as_the_file_does(tmp_path: Path, clip: Path, whole: Decoded) -> None:
    """In place, behind another member, the clip gives the same pictures at the same times."""
    other = tmp_path / "other.bin"
    other.write_bytes(b"x" * 777)
    decoded = decode(f"{into_tar(tmp_path / 'part000.tar', other, clip)}::{clip.name}")
    assert decoded.items == whole.items


# --- losses ---


def test_a_truncated_clip_loses_its_tail_and_says_so(tmp_path: Path, clip: Path, whole: Decoded) -> None:
    """Wherever the file is cut, pictures and lost packets make up all that its index names, up to its full length."""
    for percent in (98, 90, 75, 60, 45):
        decoded = decode(cut(clip, tmp_path / "cut.mp4", percent / 100))
        assert decoded.digests == whole.digests[: len(decoded.digests)]
        assert decoded.times_s == whole.times_s[: len(decoded.times_s)]
        (damage,) = decoded.damage
        assert decoded.items[-1] is damage
        assert len(decoded.pictures) + damage.packets == 30
        assert damage.t_start_s == pytest.approx(len(decoded.pictures) / _FPS)
        assert damage.t_end_s == pytest.approx(1.0)
        assert decoded.end.decoded_s == damage.t_end_s
        assert "truncated" in damage.reason
        assert decoded.end.packets_lost == damage.packets


def test_a_clip_cut_between_two_packets_is_truncated_too(tmp_path: Path, clip: Path) -> None:
    """Where the last packet is whole nothing fails to decode: the index alone tells of the loss."""
    with av.open(str(clip)) as container:
        boundary = container.streams.video[0].index_entries[20].pos
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:boundary])
    decoded = decode(path)
    assert _only_damage(decoded) == (20, 30, 10)
    assert decoded.damage[0].reason == "the container is truncated, its index names 10 packets more"


def test_a_lost_reference_costs_up_to_the_next_key_picture(tmp_path: Path, clip: Path, whole: Decoded) -> None:
    """What refers to a missing picture is withheld by libav without an error: it is damage, and the rest is intact."""
    decoded = decode(remux(clip, tmp_path / "gap.mp4", without={11}))  # the first packet after the key picture 10
    kept = [index for index in range(30) if not 11 <= index < 20]
    assert decoded.times_s == pytest.approx([index / _FPS for index in kept])
    assert decoded.digests == [whole.digests[index] for index in kept]
    assert decoded.pictures[10].duration_s == pytest.approx(2 / _FPS)  # so the container says, without packet 11
    assert _only_damage(decoded) == (12, 20, 8)
    assert decoded.damage[0].reason == "refers to a missing picture"
    assert decoded.end.decoded_s == pytest.approx(1.0)


def test_a_gap_that_nothing_refers_to_is_no_damage(tmp_path: Path, clip: Path) -> None:
    """A packet that the container does not name, and no other needs, is as if there had been no frame at that time."""
    decoded = decode(remux(clip, tmp_path / "gap.mp4", without={3}))
    assert decoded.times_s == pytest.approx([index / _FPS for index in range(30) if index != 1])
    assert decoded.damage == []


def test_what_is_lost_before_the_first_picture_has_no_length(tmp_path: Path, clip: Path) -> None:
    """Without its first key picture time begins at the second; the packets before it are counted, at 0."""
    decoded = decode(remux(clip, tmp_path / "headless.mp4", without={0}))
    assert decoded.times_s == pytest.approx([index / _FPS for index in range(20)])
    assert _only_damage(decoded) == (0, 0, 9)


def test_a_broken_packet_costs_what_refers_to_it(tmp_path: Path, clip: Path, whole: Decoded) -> None:
    """A key picture overwritten with zeros costs its group of pictures and no other."""
    with av.open(str(clip)) as container:
        entry = container.streams.video[0].index_entries[10]
        first, size = entry.pos, entry.size
    data = bytearray(clip.read_bytes())
    data[first : first + size] = bytes(size)
    path = tmp_path / "broken.mp4"
    path.write_bytes(data)
    decoded = decode(path)
    assert decoded.digests == whole.digests[:10] + whole.digests[20:]
    assert _only_damage(decoded) == (10, 20, 10)


def test_a_malformed_message_costs_no_picture(clip: Path, whole: Decoded) -> None:
    """An SEI message that ends too early, before every picture, leaves the pictures as they are."""
    broken = b"\x4e\x01" + b"\x01\xc8\x00"  # a prefix SEI unit: picture timing, 200 bytes, of which one is there
    unit = len(broken).to_bytes(4, "big") + broken

    def with_message(item: Packet) -> Packet:
        given = item.packet
        packet: av.Packet[av.VideoStream] = av.Packet(unit + bytes(given))  # type: ignore[assignment]  # set below
        packet.stream, packet.pts, packet.dts = given.stream, given.pts, given.dts
        packet.duration, packet.time_base, packet.is_keyframe = given.duration, given.time_base, given.is_keyframe
        return Packet(packet)

    items = packets(open_source(str(clip)))
    decoded = decode(clip, (with_message(item) if item.packet.size else item for item in items))
    assert decoded.items == whole.items


def test_pictures_of_another_size_are_damage(tmp_path: Path) -> None:
    """A stream that changes its size goes on in time, but pictures that fit no calibration are not given."""
    small = make_clip(tmp_path / "small.hevc", frames=5).read_bytes()
    large = make_clip(tmp_path / "large.hevc", frames=4, width_px=192).read_bytes()
    path = tmp_path / "both.hevc"
    path.write_bytes(small + large + small)
    decoded = decode(path)
    assert len(decoded.pictures) == 10
    (damage,) = decoded.damage
    assert (damage.packets, decoded.end.packets_lost) == (4, 4)
    assert damage.reason == "the picture changes from 128x96 yuv420p to 192x96 yuv420p"


def test_a_failing_disk_ends_the_clip_and_keeps_what_came(clip: Path, whole: Decoded) -> None:
    """An I/O error in the middle is damage to the clip's end, with the system's reason."""
    source = _FailingSource(str(clip), clip.stem, clip, 0, clip.stat().st_size)
    stage, decoded = Decode(source.name, _facts(clip)), Decoded()
    for item in packets(source):
        decoded.add(stage.on_item(item))
    (damage,) = decoded.damage
    assert "breaks off: Input/output error" in damage.reason
    assert 0 < len(decoded.pictures) == 30 - damage.packets
    assert decoded.digests == whole.digests[: len(decoded.digests)]
    assert stage.end("end_of_stream").decoded_s == pytest.approx(1.0)


class _FailingDisk(BytesIO):
    """Fails on reading anything behind its first 60 %."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 0.6 * len(self.getvalue()):
            raise OSError(5, "Input/output error")
        return super().read(min(size or 0, 1000))


class _FailingSource(Source):
    def open(self) -> BufferedReader:
        return _FailingDisk(self.path.read_bytes())  # type: ignore[return-value]  # a file object, as libav needs one


def test_a_clip_without_one_picture_is_refused(tmp_path: Path, clip: Path) -> None:
    """All frames lost is an input error, both when the facts are asked for and when decoding comes to its end."""
    facts = _facts(clip)
    nothing = remux(clip, tmp_path / "nothing.mp4", without={0, 10, 20})
    with pytest.raises(SourceError, match=r"nothing\.mp4 holds no picture that can be decoded"):
        _facts(nothing)
    undecodable = drive(Decode("nothing.mp4", facts), packets(open_source(str(nothing))))
    with pytest.raises(SourceError, match=r"nothing\.mp4 holds no picture that can be decoded"):
        list(undecodable)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "hevc"])
def test_random_corruption_gives_pictures_damage_or_an_input_error(tmp_path: Path, ending: str) -> None:
    """Whatever bits are flipped and wherever the file ends: time only grows, and damage ends where a picture begins."""
    path = make_clip(tmp_path / f"clip.{ending}", frames=20, b_frames=2)
    outcomes = set()
    for seed in range(20):
        broken = flip_bits(path, tmp_path / f"broken.{ending}", flips=1 + seed % 7 * 5, seed=seed)
        if seed % 2:
            broken = cut(broken, broken, 0.3 + seed / 30)
        try:
            decoded = decode(broken)
        except SourceError:
            outcomes.add("refused")
            continue
        outcomes.add("damaged" if decoded.damage else "whole")
        assert decoded.times_s == sorted(set(decoded.times_s))
        assert [picture.index for picture in decoded.pictures] == list(range(decoded.end.frames))
        for item, following in zip(decoded.items, decoded.items[1:], strict=False):
            if isinstance(item, Damage):
                assert isinstance(following, Shown)  # what is damaged in one piece is told in one piece
                assert item.t_start_s <= item.t_end_s == following.t_s
    assert len(outcomes) > 1


# --- rounds ---


@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
def test_a_looped_clip_repeats_without_a_gap(tmp_path: Path, ending: str) -> None:
    """Each round gives the same pictures, later by the clip's length, from a PTS that does not start at 0."""
    path = make_clip(tmp_path / f"clip.{ending}", frames=12, b_frames=2, start_s=1.4)
    once = decode(path)
    given = islice(packets(open_source(str(path)), loop=True), 3 * 13)
    thrice = decode(path, given)
    assert thrice.digests == 3 * once.digests
    length_s = once.end.decoded_s
    expected = [t_s + number * length_s for number in range(3) for t_s in once.times_s]
    assert thrice.times_s == pytest.approx(expected, abs=0.001)
    assert thrice.damage == []


def test_each_round_offsets_its_packets_by_the_length_so_far(clip: Path) -> None:
    """``offset_s`` is 0 in the first round and grows by the round's length, of which the lost tail is part."""
    rounds = [item.offset_s for item in islice(packets(open_source(str(clip)), loop=True), 3 * 31)]
    assert [rounds[0], rounds[31], rounds[62]] == pytest.approx([0.0, 1.0, 2.0])
    assert len(set(rounds)) == 3


def test_a_truncated_clip_loops_with_its_damage(tmp_path: Path, clip: Path) -> None:
    """Every round has the same loss at its end, and the next one begins after it."""
    path = cut(clip, tmp_path / "cut.mp4", 0.6)
    (once,) = decode(path).damage
    length = sum(1 for _ in packets(open_source(str(path))))
    first, second = decode(path, islice(packets(open_source(str(path)), loop=True), 2 * length)).damage
    assert first == once
    assert second.t_start_s == pytest.approx(once.t_start_s + 1.0)
    assert second.t_end_s == pytest.approx(once.t_end_s + 1.0)
    assert second.packets == once.packets


def test_time_goes_on_where_a_clock_starts_anew(tmp_path: Path) -> None:
    """Of two transport streams joined byte by byte, the second follows the first, though its PTS are earlier."""
    first = make_clip(tmp_path / "first.ts", frames=20, start_s=5.0)
    second = make_clip(tmp_path / "second.ts", frames=10)
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    decoded = decode(path)
    assert decoded.digests[-10:] == decode(second).digests
    assert decoded.times_s == sorted(set(decoded.times_s))
    assert decoded.end.decoded_s == pytest.approx(1.0, abs=1.5 / _FPS)  # libav doubts the packet at the joint


# --- the stage ---


def test_what_is_not_a_packet_is_passed_on(clip: Path) -> None:
    """An item that the stage does not know goes on unchanged."""
    damage = Damage(0.0, 1.0, "elsewhere", 1)
    assert list(Decode("clip", _facts(clip)).on_item(damage)) == [damage]


def test_stopping_gives_what_the_decoder_holds(clip: Path, whole: Decoded) -> None:
    """Without a ``Flush``, as when the run is stopped, the pictures of all packets taken come at the end."""
    stage, decoded = Decode("clip", _facts(clip)), Decoded()
    for item in islice(packets(open_source(str(clip))), 10):
        decoded.add(stage.on_item(item))
    assert len(decoded.pictures) < 10
    decoded.add(stage.on_end())
    assert decoded.items == whole.items[:10]
    assert stage.end("stopped").frames == 10


def test_a_stage_stopped_before_it_began_ends_quietly(clip: Path) -> None:
    """A stop before the first packet is no input error."""
    stage = Decode("clip", _facts(clip))
    assert list(stage.on_end()) == []
    assert stage.end("stopped").decoded_s == 0.0


@pytest.mark.parametrize("stopped_after", [1, 7, 12, 25])
def test_a_restored_stage_goes_on_behind_the_last_picture(tmp_path: Path, clip: Path, stopped_after: int) -> None:
    """Packets that come again from the start give no picture, damage or count twice, and none is missing."""
    path = remux(clip, tmp_path / "gap.mp4", without={11})
    expected, facts = decode(path), _facts(path)
    first, second, decoded = Decode("clip", facts), Decode("clip", facts), Decoded()
    for item in islice(packets(open_source(str(path))), stopped_after):
        decoded.add(first.on_item(item))
    second.restore(first.snapshot())
    for item in packets(open_source(str(path))):
        decoded.add(second.on_item(item))
    assert decoded.items == expected.items
    assert second.end("end_of_stream") == expected.end


def test_a_state_of_another_kind_is_refused(clip: Path) -> None:
    """A state whose values are not numbers names the one that is wrong."""
    stage = Decode("clip", _facts(clip))
    with pytest.raises(TypeError, match="origin_s of a time line is a str"):
        stage.restore({**stage.snapshot(), "origin_s": "0"})


def test_a_picture_outlives_its_clip(clip: Path) -> None:
    """Frames kept after the clip is closed still hold their pixels, and no later frame overwrites them."""
    stage = Decode("clip", _facts(clip))
    kept = [
        item.frame
        for packet in packets(open_source(str(clip)))
        for item in stage.on_item(packet)
        if isinstance(item, Picture)
    ]
    given = texture(30, 128, 96)
    errors = [np.abs(frame.to_ndarray(format="rgb24").astype(int) - given[n]).mean() for n, frame in enumerate(kept)]
    assert len(errors) == 30
    assert max(errors) < 25  # a coarse encoding; another frame of the texture is off by 80


def test_nothing_stays_open(tmp_path: Path) -> None:
    """Neither files nor decoder threads are left behind, when a clip ends and when it is left in the middle."""
    path = make_clip(tmp_path / "large.mp4", width_px=704, height_px=480, frames=4)  # large enough for threads
    process = Path("/proc/self")
    if not process.is_dir():
        pytest.skip("the system does not tell of its processes in /proc")

    def resources() -> tuple[int, int]:
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

    before = resources()
    for taken in (None, 2):
        stage = Decode("clip", _facts(path))
        given = packets(open_source(str(path)))
        pictures = [picture for item in islice(given, taken) for picture in stage.on_item(item)]
        assert len(pictures) == 4 or taken
        given.close()
        del stage, given, pictures
    assert resources() == before


def test_threads_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip with a lost reference gives the same pictures and damage on many threads and on one."""
    path = make_clip(tmp_path / "clip.mp4", width_px=704, height_px=480, frames=16, b_frames=2, key_every=8)
    gap = remux(path, tmp_path / "gap.mp4", without={1})
    many = decode(gap)
    monkeypatch.setattr("stream.video.packets._THREADED_FROM_PX", 704 * 480)
    assert decode(gap).items == many.items
    assert [damage.packets for damage in many.damage] == [6]


def test_the_books_stay_small() -> None:
    """A decoder that gives nothing for hours does not fill the memory: what can't come any more is given up."""
    ledger, lost = Ledger(), 0
    for number in range(2000):
        packet: av.Packet[av.VideoStream] = av.Packet(b"x")  # type: ignore[assignment]  # it needs no stream here
        packet.pts, packet.duration = number, 1
        lost += len(ledger.send(packet))
    owed, unplaced = ledger.close()
    assert (lost + len(owed), unplaced) == (2000, 0)
    assert len(owed) <= 512


def test_a_flush_says_what_the_container_owes(tmp_path: Path, clip: Path) -> None:
    """The last item of an intact clip is a flush without losses, that of a truncated one counts them."""
    *_, intact = packets(open_source(str(clip)))
    assert intact == Flush(intact.packet)
    *_, short = packets(open_source(str(cut(clip, tmp_path / "cut.mp4", 0.6))))
    assert isinstance(short, Flush)
    assert short.lost_packets > 0
    assert short.lost_until_s == pytest.approx(1.0)
    assert replace(short, lost_packets=0, lost_until_s=None, reason="") == Flush(short.packet)
