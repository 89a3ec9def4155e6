"""From a clip to its pictures: their times, and the stage that gives them."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import Flush, Packet, Picture, SourceEvent
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from stream.video.packets import packets
from tests.support.clips import Decoded, cut, decode, into_tar, make_clip, remux, texture

_FPS = 30


def _facts(path: Path) -> StreamFacts:
    return read_facts(open_clip(str(path)))


def _own_packets(
    path: Path, change: Callable[[int, "av.Packet[av.VideoStream]"], None]
) -> Iterator[Packet | SourceEvent]:
    """The clip's packets, each after ``change(number, packet)``."""
    for number, item in enumerate(packets(open_clip(str(path)))):
        if isinstance(item, Packet):
            change(number, item.packet)
        yield item


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
def test_a_variable_rate_and_a_late_start_are_preserved(tmp_path: Path, ending: str, b_frames: int) -> None:
    """Times are distances of PTS from the first frame's, at any rate and with any first PTS."""
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
    """Where a container gives decode times for PTS, all pictures come, in order, and time continues."""

    def set_pts_to_dts(_: int, packet: "av.Packet[av.VideoStream]") -> None:
        packet.pts = packet.dts

    decoded = decode(clip, _own_packets(clip, set_pts_to_dts))
    assert len(decoded.pictures) == 30
    assert decoded.times_s == sorted(set(decoded.times_s))
    assert decoded.end.decoded_s == pytest.approx(1.0, abs=2 / _FPS)
    assert decoded.end.packets_lost <= 2  # until the first picture goes back, its kind is taken for lost


def test_without_pts_the_decode_times_count(tmp_path: Path, clip: Path, whole: Decoded) -> None:
    """Packets without PTS give the same pictures, by their DTS: half a frame off where two come at once."""

    def drop_pts(_: int, packet: "av.Packet[av.VideoStream]") -> None:
        packet.pts, packet.duration = None, 0

    decoded = decode(clip, _own_packets(clip, drop_pts))
    assert decoded.digests == whole.digests
    assert decoded.times_s == pytest.approx(whole.times_s, abs=0.51 / _FPS)
    assert decoded.times_s == sorted(set(decoded.times_s))

    variable = make_clip(tmp_path / "variable.mp4", frames=4, times_s=[0.0, 0.1, 0.7, 0.75])
    assert decode(variable, _own_packets(variable, drop_pts)).times_s == pytest.approx([0.0, 0.1, 0.7, 0.75])


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


def test_a_tar_member_decodes_as_the_file_does(tmp_path: Path, clip: Path, whole: Decoded) -> None:
    """In place, behind another member, the clip gives the same pictures at the same times."""
    other = tmp_path / "other.bin"
    other.write_bytes(b"x" * 777)
    decoded = decode(f"{into_tar(tmp_path / 'part000.tar', other, clip)}::{clip.name}")
    assert decoded.items == whole.items


def test_what_is_not_a_packet_is_passed_on(clip: Path) -> None:
    """An item that the stage does not know is passed on unchanged."""
    damage = SourceDamaged(0.0, 1.0, "elsewhere", 1)
    assert list(Decode("clip", _facts(clip)).on_item(damage)) == [damage]


def test_stopping_gives_what_the_decoder_holds(clip: Path, whole: Decoded) -> None:
    """Without a ``Flush``, as when the run is stopped, the pictures of all packets taken come at the end."""
    stage, decoded = Decode("clip", _facts(clip)), Decoded()
    for item in islice(packets(open_clip(str(clip))), 10):
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
def test_a_restored_stage_continues_after_the_last_picture(tmp_path: Path, clip: Path, stopped_after: int) -> None:
    """Packets that come again from the start give no picture, damage or count twice, and none is missing."""
    path = remux(clip, tmp_path / "gap.mp4", without={11})
    expected, facts = decode(path), _facts(path)
    first, second, decoded = Decode("clip", facts), Decode("clip", facts), Decoded()
    for item in islice(packets(open_clip(str(path))), stopped_after):
        decoded.add(first.on_item(item))
    second.restore(first.snapshot())
    for item in packets(open_clip(str(path))):
        decoded.add(second.on_item(item))
    assert decoded.items == expected.items
    assert second.end("end_of_stream") == expected.end


def test_a_looped_clip_is_restored_in_a_later_round(tmp_path: Path, clip: Path) -> None:
    """The damage at the end of an earlier round is not told again, that of the present round once."""
    path = cut(clip, tmp_path / "cut.mp4", 0.6)
    items = list(islice(packets(open_clip(str(path)), loop=True), 60))
    expected, facts = decode(path, items), _facts(path)
    first, second, decoded = Decode("clip", facts), Decode("clip", facts), Decoded()
    rounds = [number for number, item in enumerate(items) if isinstance(item, Flush)]
    for item in items[: rounds[0] + 8]:
        decoded.add(first.on_item(item))
    second.restore(first.snapshot())
    for item in islice(packets(open_clip(str(path)), loop=True), 60):
        decoded.add(second.on_item(item))
    decoded.add(second.on_end())
    assert len(expected.damage) > 1
    assert decoded.items == expected.items


def test_a_state_of_another_kind_is_refused(clip: Path) -> None:
    """A state whose values are of another kind names the one that is wrong."""
    stage = Decode("clip", _facts(clip))
    with pytest.raises(TypeError, match="pictures of a state is a str"):
        stage.restore({**stage.snapshot(), "pictures": "0"})


def test_a_picture_outlives_its_clip(clip: Path) -> None:
    """Frames kept after the clip is closed still hold their pixels, and no later frame overwrites them."""
    stage = Decode("clip", _facts(clip))
    pictures = [
        item.frame
        for packet in packets(open_clip(str(clip)))
        for item in stage.on_item(packet)
        if isinstance(item, Picture)
    ]
    original = texture(30, 128, 96)
    errors = [
        np.abs(frame.to_ndarray(format="rgb24").astype(int) - original[n]).mean() for n, frame in enumerate(pictures)
    ]
    assert len(errors) == 30
    assert max(errors) < 25  # a coarse encoding; another frame of the texture is off by 80


def test_a_decoder_is_freed_while_its_threads_have_errors_to_log(tmp_path: Path) -> None:
    """A clip left in the middle does not hang where another package has set PyAV's log level before it was opened."""
    path = make_clip(tmp_path / "large.mp4", width_px=704, height_px=480, frames=4)  # large enough for threads
    av.logging.set_level(av.logging.ERROR)
    try:
        for _ in range(20):
            stage = Decode("clip", _facts(path))
            items = packets(open_clip(str(path)))
            for item in islice(items, 2):
                list(stage.on_item(item))
            items.close()
            del stage, items, item
        assert av.logging.get_level() is None
    finally:
        av.logging.set_level(None)


def test_nothing_stays_open(tmp_path: Path) -> None:
    """Neither files nor decoder threads are left behind, when a clip ends and when it is left in the middle."""
    path = make_clip(tmp_path / "large.mp4", width_px=704, height_px=480, frames=4)  # large enough for threads
    process = Path("/proc/self")
    if not process.is_dir():
        pytest.skip("the system does not tell of its processes in /proc")

    def resources() -> tuple[int, int]:
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

    before = resources()
    for count in (None, 2):
        stage = Decode("clip", _facts(path))
        items = packets(open_clip(str(path)))
        pictures = [picture for item in islice(items, count) for picture in stage.on_item(item)]
        assert len(pictures) == 4 or count
        items.close()
        del stage, items, pictures
    assert resources() == before


@pytest.mark.slow
def test_threads_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip with a lost reference gives the same pictures and damage on many threads and on one."""
    path = make_clip(tmp_path / "clip.mp4", width_px=704, height_px=480, frames=16, b_frames=2, key_every=8)
    gap = remux(path, tmp_path / "gap.mp4", without={1})
    many = decode(gap)
    monkeypatch.setattr("stream.video.packets.THREADED_FROM_PX", 704 * 480)
    assert decode(gap).items == many.items
    assert [damage.packets for damage in many.damage] == [6]
