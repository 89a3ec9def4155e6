"""Decoding continues from a key picture, and gives what it would have given."""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from stream.pipeline.codec import pack, unpack
from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import Item, Packet, Picture
from stream.pipeline.stage import State
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.packets import packets
from stream.video.seek_points import SeekPoint
from tests.support.clips import Decoded, ShownPicture, cut, decode, flip_bits, make_clip, remux
from tests.support.properties import some_of

_WINDOW_S = 0.5
"""How far back the pictures are asked for again, in these tests."""

OPEN_GOP = "open-gop=1:ref=3"
VARIABLE = [number / 30 + 0.4 * (number > 25) + 0.013 * (number % 3) for number in range(90)]


def open_gop(path: Path) -> Path:
    """Three seconds with a key picture in each, and pictures before it that refer across it."""
    return make_clip(path, frames=90, key_every=30, b_frames=3, x265=OPEN_GOP)


def flipped(whole: Path, path: Path) -> Path:
    """The clip with wrong bits in its second half."""
    return flip_bits(whole, path, flips=12, seed=5, first_byte=whole.stat().st_size // 2)


CLIPS: dict[str, Callable[[Path], Path]] = {
    "closed": lambda path: make_clip(path, frames=90, key_every=30),
    "open": open_gop,
    "variable rate": lambda path: make_clip(
        path, frames=90, key_every=30, b_frames=2, times_s=VARIABLE, start_s=1.4, x265=OPEN_GOP
    ),
    "lost packets": lambda path: remux(open_gop(path.with_stem("whole")), path, without={36, 37, 58, 61}),
    "lost key picture": lambda path: remux(open_gop(path.with_stem("whole")), path, without={30}),
    "hole": lambda path: remux(
        make_clip(path.with_stem("whole"), frames=120, key_every=15), path, without=range(30, 75)
    ),
    "cut off": lambda path: cut(open_gop(path.with_stem("whole")), path, 0.8),
    "flipped bits": lambda path: flipped(open_gop(path.with_stem("whole")), path),
}


def parts(path: Path) -> Iterator[tuple[list[ShownPicture | SourceDamaged], State]]:
    """What was given when each picture was out, and the state then."""
    source = open_clip(str(path))
    stage, decoded = Decode(source.name, read_facts(source)), Decoded()
    for packet in packets(source):
        for item in stage.on_item(packet):
            decoded.add([item])
            if isinstance(item, Picture):
                yield list(decoded.items), unpack(pack(stage.snapshot()))


def goes_on(path: Path, state: State, replay_from_s: float) -> tuple[Decoded, SeekPoint | None]:
    """What a new stage gives from that state on."""
    source = open_clip(str(path))
    stage, decoded = Decode(source.name, read_facts(source)), Decoded()
    stage.restore(state)
    entry = stage.resume(replay_from_s).seek_point
    for packet in packets(source, start=entry):
        decoded.add(stage.on_item(packet))
    decoded.end = stage.end("end_of_stream")
    return decoded, entry


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("kind", CLIPS)
def test_nothing_is_missing_and_nothing_comes_twice(tmp_path: Path, kind: str, ending: str) -> None:
    """From the state after each picture: the pictures of the last half second again, then all the rest, bit for bit."""
    path = CLIPS[kind](tmp_path / f"clip.{ending}")
    whole = decode(path)
    for head, state in some_of(list(parts(path))[::7]):
        last = head[-1]
        assert isinstance(last, ShownPicture)
        replay_from_s = last.t_s - _WINDOW_S
        again = [item for item in head if isinstance(item, ShownPicture) and item.t_s >= replay_from_s]
        rest, _ = goes_on(path, state, replay_from_s)
        assert rest.items == [*again, *whole.items[len(head) :]]
        assert rest.end == whole.end


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_only_the_last_group_of_pictures_is_read_again(tmp_path: Path, ending: str) -> None:
    """Packets begin with the key picture before the frames that are asked for, not with the clip's first."""
    path = open_gop(tmp_path / f"clip.{ending}")
    head, state = list(parts(path))[80]
    rest, entry = goes_on(path, state, head[-1].t_s - _WINDOW_S if isinstance(head[-1], ShownPicture) else math.nan)
    assert entry is not None
    assert entry.t_s == pytest.approx(2.0)
    read = list(packets(open_clip(str(path)), start=entry))
    assert len(read) == 30 + 1 + 1  # one is shown before the key picture, and one is the flush
    assert len(rest.pictures) == 90 - 80 + 15


@pytest.mark.parametrize("ending", ["ts", "hevc"])
def test_without_an_index_it_is_decoded_from_the_start(tmp_path: Path, ending: str) -> None:
    """Where no index leads to a picture all is decoded again, and still nothing comes twice."""
    path = make_clip(tmp_path / f"clip.{ending}", frames=60, key_every=15)
    whole = decode(path)
    for head, state in list(parts(path))[5::18]:
        rest, entry = goes_on(path, state, math.inf)
        assert entry is None
        assert rest.items == whole.items[len(head) :]


def test_an_entry_that_the_index_does_not_lead_to_is_reached_from_the_start(tmp_path: Path) -> None:
    """A position that seeking does not find costs time, and changes nothing."""
    path = open_gop(tmp_path / "clip.mp4")
    entry = SeekPoint(1.0, 90_000, 123, {})
    first: Iterable[Item] = packets(open_clip(str(path)), start=entry)
    assert next(item.packet.pts for item in first if isinstance(item, Packet)) == 0


def test_a_clip_without_the_key_picture_is_another_clip(tmp_path: Path) -> None:
    """A state of one clip is not used for another one."""
    path, other = open_gop(tmp_path / "clip.mp4"), make_clip(tmp_path / "other.mp4", frames=20)
    *_, (_, state) = parts(path)
    with pytest.raises(Exception, match=r"no longer holds the key picture at 2\.0 s"):
        goes_on(other, state, math.inf)
