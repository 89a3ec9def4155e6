"""One line of time over the rounds of a looped clip, and what a container owes at its end."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from stream.pipeline.items import Flush, Packet
from stream.sources.table import open_clip
from stream.video.packets import packets
from tests.support.clips import cut, decode, make_clip

_FPS = 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames, 30 fps, a key picture every 10, B-frames between: decoded in the order 0 3 2 1."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", b_frames=2)


@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
def test_a_looped_clip_repeats_without_a_gap(tmp_path: Path, ending: str) -> None:
    """Each round gives the same pictures, later by the clip's length, from a PTS that does not start at 0."""
    path = make_clip(tmp_path / f"clip.{ending}", frames=12, b_frames=2, start_s=1.4)
    once = decode(path)
    items = islice(packets(open_clip(str(path)), loop=True), 3 * 13)
    thrice = decode(path, items)
    assert thrice.digests == 3 * once.digests
    length_s = once.end.decoded_s
    expected = [t_s + number * length_s for number in range(3) for t_s in once.times_s]
    assert thrice.times_s == pytest.approx(expected, abs=0.001)
    assert thrice.damage == []


def test_each_round_offsets_its_packets_by_the_length_so_far(clip: Path) -> None:
    """``offset_s`` is 0 in the first round and grows by the round's length, of which the lost tail is part."""
    items = islice(packets(open_clip(str(clip)), loop=True), 3 * 31)
    rounds = [item.offset_s for item in items if isinstance(item, Packet)]
    assert [rounds[0], rounds[30], rounds[60]] == pytest.approx([0.0, 1.0, 2.0])
    assert len(set(rounds)) == 3


def test_a_truncated_clip_loops_with_its_damage(tmp_path: Path, clip: Path) -> None:
    """Every round has the same loss at its end, and the next one begins after it."""
    path = cut(clip, tmp_path / "cut.mp4", 0.6)
    (once,) = decode(path).damage
    length = sum(1 for _ in packets(open_clip(str(path))))
    twice = islice(packets(open_clip(str(path)), loop=True), 2 * length)
    first, second = decode(path, twice).damage
    assert first == once
    assert second.t_start_s == pytest.approx(once.t_start_s + 1.0)
    assert second.t_end_s == pytest.approx(once.t_end_s + 1.0)
    assert second.packets == once.packets


def test_time_continues_after_a_clock_restarts(tmp_path: Path) -> None:
    """Of two transport streams joined byte by byte, the second follows the first, though its PTS are earlier."""
    first = make_clip(tmp_path / "first.ts", frames=20, start_s=5.0)
    second = make_clip(tmp_path / "second.ts", frames=10)
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    decoded = decode(path)
    assert decoded.digests[-10:] == decode(second).digests
    assert decoded.times_s == sorted(set(decoded.times_s))
    assert decoded.end.decoded_s == pytest.approx(1.0, abs=1.5 / _FPS)  # libav doubts the packet at the joint


def test_a_flush_counts_the_packets_that_the_container_lacks(tmp_path: Path, clip: Path) -> None:
    """The last item of an intact clip is a flush without losses, that of a truncated one counts them."""
    *_, intact = packets(open_clip(str(clip)))
    assert intact == Flush()
    *_, short = packets(open_clip(str(cut(clip, tmp_path / "cut.mp4", 0.6))))
    assert isinstance(short, Flush)
    assert short.lost_packets > 0
    assert short.lost_until_s == pytest.approx(1.0)
    assert replace(short, lost_packets=0, lost_until_s=None, reason="") == Flush()
