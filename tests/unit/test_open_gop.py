"""Clips that were cut from an open group of pictures: what refers to before the cut is damage, in every container."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from stream.pipeline.items import Flush, Packet
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.packet_tracker import CUT_OFF
from stream.video.packets import packets
from tests.support.clips import Decoded, decode, make_clip, remux
from tests.support.hostile import box, patched, u32

_FPS = 30
_OPEN = "open-gop=1:b-adapt=0:ref=3"
ENDINGS = ("mp4", "mkv", "ts", "hevc")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with a CRA picture every 12 pictures, and three pictures before each that refer across it."""
    path = tmp_path_factory.mktemp("open") / "whole.mp4"
    return make_clip(path, width_px=160, height_px=96, frames=60, b_frames=3, key_every=12, x265=_OPEN)


def random_access(path: Path) -> list[int]:
    """Numbers of the packets with which decoding may begin."""
    with av.open(str(path)) as container:
        return [number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]


def cut(whole: Path, path: Path, group: int = 1) -> Path:
    """The packets from a CRA picture on, as a stream copy has them."""
    return remux(whole, path, without=range(random_access(whole)[group]))


def leading(whole: Path, group: int = 1) -> int:
    """The number of pictures that are decoded after a CRA picture and shown before it."""
    with av.open(str(whole)) as container:
        pts = [packet.pts or 0 for packet in container.demux(video=0) if packet.size]
    first = random_access(whole)[group]
    return sum(each < pts[first] for each in pts[first + 1 :])


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_refers_to_before_the_cut_is_damage_at_the_start(whole: Path, tmp_path: Path, ending: str) -> None:
    """It is shown before the first decoded picture, which is at 0: there the damage is, and the rest at its times."""
    decoded, lost = decode(cut(whole, tmp_path / f"cut.{ending}")), leading(whole)
    assert lost >= 2
    (damage,) = decoded.damage
    assert decoded.items[0] is damage
    assert (damage.t_start_s, damage.t_end_s, damage.packets) == (0.0, 0.0, lost)
    assert damage.reason == CUT_OFF
    assert decoded.end.packets_lost == lost
    intact = decode(whole).digests
    assert decoded.digests == intact[len(intact) - len(decoded.digests) :]
    assert decoded.times_s == pytest.approx([index / _FPS for index in range(len(decoded.digests))], abs=1e-3)


def test_a_camera_that_is_joined_midway_has_no_damage(whole: Path, tmp_path: Path) -> None:
    """What a camera sent before the run began is no part of it, nor what it sent in a gap."""
    clip = cut(whole, tmp_path / "cut.ts")
    source = open_clip(str(clip))
    stage, decoded = Decode(source.name, read_facts(source)), Decoded()
    for item in packets(source):
        decoded.add(stage.on_item(replace(item, arrived_at=1.0) if isinstance(item, Packet) else item))
    assert decoded.damage == []
    assert len(decoded.pictures) == len(decode(clip).pictures)


@pytest.mark.parametrize("ending", ["ts", "hevc"])
def test_a_second_part_cut_from_an_open_group(whole: Path, tmp_path: Path, ending: str) -> None:
    """Files joined byte by byte: what cannot be decoded is damage, and every packet has its time, once."""
    first, second = remux(whole, tmp_path / f"first.{ending}"), cut(whole, tmp_path / f"second.{ending}")
    path = tmp_path / f"both.{ending}"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    decoded, lost = decode(path), leading(whole)
    sent = 60 + 60 - random_access(whole)[1]
    assert len(decoded.pictures) + decoded.end.packets_lost == sent
    assert decoded.end.packets_lost >= lost
    assert decoded.times_s == sorted(set(decoded.times_s))
    hidden = lost if ending == "ts" else 0  # by their PTS they stand beside the end of the first part
    assert decoded.end.decoded_s == pytest.approx((sent - hidden) / _FPS, abs=1e-3)


def test_lost_packets_are_damage_in_each_round_of_a_loop(whole: Path, tmp_path: Path) -> None:
    """A loop begins again with the same pictures missing, and each round says so."""
    clip = cut(whole, tmp_path / "cut.mp4")
    source = open_clip(str(clip))
    stage, decoded, rounds = Decode(source.name, read_facts(source)), Decoded(), 0
    for item in packets(source, loop=True):
        decoded.add(stage.on_item(item))
        rounds += isinstance(item, Flush)
        if rounds == 2:
            break
    assert [damage.packets for damage in decoded.damage] == [leading(whole)] * 2


def test_a_complete_open_gop_is_not_damage(whole: Path, tmp_path: Path) -> None:
    """With the pictures before it, a CRA picture's leading pictures are decoded, in every container."""
    for ending in ENDINGS:
        decoded = decode(remux(whole, tmp_path / f"whole.{ending}"))
        assert decoded.damage == []
        assert len(decoded.pictures) == 60


def test_leading_pictures_that_can_be_decoded_come_first(tmp_path: Path) -> None:
    """RADL pictures refer to nothing before their IDR picture: they are the first ones shown, and nothing is lost."""
    path = make_clip(tmp_path / "clip.mp4", frames=60, b_frames=3, x265="radl=2:b-adapt=0")
    for ending in ENDINGS[1:]:  # the muxer of MP4 hides them by an edit list
        decoded = decode(cut(path, tmp_path / f"cut.{ending}"))
        assert decoded.damage == []
        assert len(decoded.pictures) == 60 - random_access(path)[1]


def test_packets_hidden_by_an_edit_list_are_not_damage(whole: Path, tmp_path: Path) -> None:
    """A clip trimmed behind its first CRA picture shows neither that nor its leading pictures, on purpose."""
    clip = cut(whole, tmp_path / "cut.mp4")
    entries = int.from_bytes(clip.read_bytes()[box(clip, b"elst") + 4 :][:4], "big")
    begins_at = box(clip, b"elst") + 12 * entries  # media_time of the last one (ISO/IEC 14496-12, 8.6.6)
    ticks = int.from_bytes(clip.read_bytes()[begins_at : begins_at + 4], "big")
    trimmed = patched(clip, tmp_path / "trimmed.mp4", (begins_at, u32(ticks + 6 * 3000)))
    decoded, untrimmed = decode(trimmed), decode(clip)
    assert decoded.damage == []
    assert decoded.digests == untrimmed.digests[6:]
