"""Losses in decoding: each is reported with its time, and affects nothing else."""

from pathlib import Path

import av
import pytest

from stream.pipeline.items import Packet
from stream.sources.table import open_clip
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from stream.video.packet_tracker import PacketTracker
from stream.video.packets import packets
from tests.support.clips import Decoded, cut, decode, make_clip, remux, repacked, texture

_FPS = 30


def _facts(path: Path) -> StreamFacts:
    return read_facts(open_clip(str(path)))


def _only_damage(decoded: Decoded) -> tuple[float, float, int]:
    """Start and end in frames, and the packets lost, of the one damage that there is."""
    (damage,) = decoded.damage
    return round(damage.t_start_s * _FPS, 3), round(damage.t_end_s * _FPS, 3), damage.packets


def _without_data(clip: Path, path: Path, number: int) -> Path:
    """The clip with packet ``number`` overwritten by zeros."""
    with av.open(str(clip)) as container:
        entry = container.streams.video[0].index_entries[number]
        data = bytearray(clip.read_bytes())
        data[entry.pos : entry.pos + entry.size] = bytes(entry.size)
    path.write_bytes(data)
    return path


def test_the_missing_end_of_a_truncated_clip_is_damage(tmp_path: Path, clip: Path, whole: Decoded) -> None:
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
    intact = [index for index in range(30) if not 11 <= index < 20]
    assert decoded.times_s == pytest.approx([index / _FPS for index in intact])
    assert decoded.digests == [whole.digests[index] for index in intact]
    assert decoded.pictures[10].duration_s == pytest.approx(2 / _FPS)  # so the container says, without packet 11
    assert _only_damage(decoded) == (12, 20, 8)
    assert decoded.damage[0].reason == "refers to a missing picture"
    assert decoded.end.decoded_s == pytest.approx(1.0)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("then", ["", " and a broken group"])
def test_a_hole_between_closed_groups_is_damage(tmp_path: Path, ending: str, then: str) -> None:
    """Two seconds of packets left out by a remuxer, to which nothing refers: their time is reported."""
    clip = make_clip(tmp_path / "clip.mp4", frames=150, key_every=30)
    holed = remux(clip, tmp_path / f"holed.{ending}", without={*range(30, 90), *([90] if then else [])})
    decoded = decode(holed)
    (damage,) = decoded.damage
    end, lost = (120, 29) if then else (90, 0)
    assert damage.t_start_s == pytest.approx(30 / _FPS, abs=2e-3)
    assert damage.t_end_s == pytest.approx(end / _FPS, abs=2e-3)
    assert damage.packets == lost
    assert damage.reason.startswith("no packet for 2.0 s") or then
    assert [round(t_s * _FPS) for t_s in decoded.times_s] == [*range(30), *range(end, 150)]
    assert max(picture.duration_s for picture in decoded.pictures) < 2 / _FPS
    assert decoded.end.decoded_s == pytest.approx(5.0, abs=2e-3)


def test_a_varying_rate_is_not_a_hole(tmp_path: Path) -> None:
    """Pictures up to a second apart, or ten periods of a slow clip's, are its rate."""
    varying = [0.0, 0.03, 0.06, 1.0, 1.03, 2.0, 2.03]
    assert decode(make_clip(tmp_path / "varying.mkv", frames=7, times_s=varying)).damage == []
    slow = [0.0, 0.5, 1.0, 5.5, 6.0, 6.5, 11.0]
    assert decode(make_clip(tmp_path / "slow.mkv", frames=7, fps=2, times_s=slow)).damage == []


def test_a_short_gap_that_nothing_refers_to_is_not_damage(tmp_path: Path, clip: Path) -> None:
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
    decoded = decode(_without_data(clip, tmp_path / "broken.mp4", 10))
    assert decoded.digests == whole.digests[:10] + whole.digests[20:]
    assert _only_damage(decoded) == (10, 20, 10)


def test_each_damage_has_its_own_reason(tmp_path: Path, clip: Path) -> None:
    """A broken packet and, later, a missing one are two damages, and the reason of the first is not the second's."""
    gap = remux(clip, tmp_path / "gap.mp4", without={21})
    decoded = decode(_without_data(gap, tmp_path / "broken.mp4", 10))
    assert [damage.reason for damage in decoded.damage] == [
        "cannot be decoded: Invalid data found when processing input",
        "refers to a missing picture",
    ]


@pytest.mark.slow
def test_a_transport_stream_with_a_hole_gives_no_wrong_picture(tmp_path: Path) -> None:
    """Where 188 bytes of a picture are missing, it and all that refer to it are damage; libav would conceal it."""
    path = make_clip(tmp_path / "clip.ts", width_px=320, height_px=192, b_frames=2)
    intact, data = decode(path), path.read_bytes()
    rows = len(data) // 188
    for row in range(rows // 3, rows - 8, 7):  # behind the first picture, before which there is none to carry the mark
        (tmp_path / "hole.ts").write_bytes(data[: row * 188] + data[(row + 1) * 188 :])
        decoded = decode(tmp_path / "hole.ts")
        assert {picture.digest for picture in decoded.pictures} <= set(intact.digests)
        assert decoded.damage or decoded.items == intact.items  # the tables between the pictures are repeated


@pytest.mark.parametrize("b_frames", [0, 3])
def test_losses_of_a_bare_stream_take_their_time(tmp_path: Path, b_frames: int) -> None:
    """Without timestamps, too, missing pictures are where they would have been: the rest does not move up."""
    path = make_clip(tmp_path / "clip.mp4", b_frames=b_frames)
    decoded = decode(remux(path, tmp_path / "gap.hevc", without={11}))
    (damage,) = decoded.damage
    lost = 30 - 1 - len(decoded.pictures)
    assert lost >= 8
    assert damage.packets == lost
    assert damage.t_end_s == pytest.approx(19 / _FPS)  # nothing tells of the packet that is not there
    assert damage.t_end_s - damage.t_start_s == pytest.approx(lost / _FPS)
    assert decoded.times_s[-10:] == pytest.approx([number / _FPS for number in range(19, 29)])


def test_a_broken_packet_of_a_bare_stream_takes_its_time(tmp_path: Path) -> None:
    """A key picture with a broken header costs its group, whose time is reported, in the middle and at the end."""
    path = make_clip(tmp_path / "clip.hevc")
    with av.open(str(path)) as container:
        places = [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.is_keyframe]
    for key, start in ((1, 10), (2, 20)):
        position, size = places[key]
        data = bytearray(path.read_bytes())
        header = data.rindex(b"\0\0\1", position, position + size) + 5
        data[header : header + 40] = b"\xff" * 40
        (tmp_path / "broken.hevc").write_bytes(data)
        decoded = decode(tmp_path / "broken.hevc")
        assert _only_damage(decoded)[:2] == (start, start + 10)
        assert decoded.end.decoded_s == pytest.approx(1.0)


def test_a_packet_without_a_picture_to_show_is_not_damage(tmp_path: Path) -> None:
    """VP8 has pictures that are only referred to: of such codecs no loss is inferred without an error."""
    path = tmp_path / "clip.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for picture in texture(10, 128, 96):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())

    def hide(data: bytes) -> bytes:
        return bytes([data[0] & ~0x10]) + data[1:]  # show_frame, bit 4 of the frame tag (RFC 6386, 9.1)

    items = packets(open_clip(str(path)))
    decoded = decode(
        path,
        (
            repacked(item, hide) if number == 5 and isinstance(item, Packet) else item
            for number, item in enumerate(items)
        ),
    )
    assert decoded.times_s == pytest.approx([index / _FPS for index in range(10) if index != 5], abs=0.001)
    assert decoded.damage == []


def test_a_malformed_message_costs_no_picture(clip: Path, whole: Decoded) -> None:
    """An SEI message that ends too early, before every picture, leaves the pictures as they are."""
    message = b"\x4e\x01" + b"\x01\xc8\x00"  # a prefix SEI unit: picture timing, 200 bytes, of which one is there

    def put_before(data: bytes) -> bytes:
        return len(message).to_bytes(4, "big") + message + data

    items = packets(open_clip(str(clip)))
    decoded = decode(clip, (repacked(item, put_before) if isinstance(item, Packet) else item for item in items))
    assert decoded.items == whole.items


def test_pictures_of_another_size_are_damage(tmp_path: Path) -> None:
    """A stream that changes its size continues in time, but pictures that fit no calibration are not given."""
    small = make_clip(tmp_path / "small.hevc", frames=5).read_bytes()
    large = make_clip(tmp_path / "large.hevc", frames=4, width_px=192).read_bytes()
    path = tmp_path / "both.hevc"
    path.write_bytes(small + large + small)
    decoded = decode(path)
    assert len(decoded.pictures) == 10
    (damage,) = decoded.damage
    assert (damage.packets, decoded.end.packets_lost) == (4, 4)
    assert damage.reason == "the picture changes from 128x96 to 192x96, another aspect ratio"


def test_accounting_takes_constant_memory() -> None:
    """A decoder that gives nothing for hours does not fill the memory: what can't come any more is given up."""
    ledger, lost = PacketTracker(), 0
    for number in range(2000):
        packet: av.Packet[av.VideoStream] = av.Packet(b"x")  # type: ignore[assignment]  # it needs no stream here
        packet.pts, packet.duration = number, 1
        lost += len(ledger.send(packet))
    pending = ledger.close()
    assert lost + len(pending) == 2000
    assert len(pending) <= 512
