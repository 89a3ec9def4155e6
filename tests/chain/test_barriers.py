"""A chain that is cut at any barrier and put together again from its states gives what the whole one gives."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import ClipEmbedding, EncoderFacts, FrameStore, UInt8
from stream.config import Options
from stream.detection.options import DetectorOptions
from stream.pipeline.codec import pack, unpack
from stream.pipeline.facts import SegmentClosed, SegmentOpened
from stream.pipeline.items import Barrier, Embedding, EncoderFrame, End, Item, Keyframe, Picture
from stream.pipeline.source import Barriers
from stream.pipeline.stage import Pipeline, Stage, feed
from stream.pipeline.state import State, packed_states, replay_from_s, unpacked_states
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import SavedCheckpoint, Totals
from stream.records.store.event_log import read_events
from stream.runtime.processes import INGEST
from stream.runtime.work import build
from stream.stages.detect import Detect
from stream.stages.embed import Embed
from stream.stages.record import Record
from tests.support.clips import cut, make_clip, remux, texture
from tests.support.facts import without
from tests.support.properties import some_of
from tests.support.runs import write_intrinsics

SECONDS = 14
DETECTOR = DetectorOptions(warmup_s=3.0, settle_windows=0, max_segment_s=4.0)
TOTALS = Totals(0, [], 0, 0.0)
OPEN_GOP = "open-gop=1:ref=3"


class Thumbnails:
    """An encoder that is fast, and whose embedding depends on every frame."""

    name = "thumbnails"
    frames = 64
    encoder_px = 32

    def facts(self) -> EncoderFacts:
        return {}

    def encode(self, window: UInt8) -> ClipEmbedding:
        small = window.reshape(32, 2, 4, 8, 4, 8, 3).mean(axis=(1, 3, 5)).reshape(32, -1).astype(np.float32)
        return ClipEmbedding(small.mean(axis=0), (small / 256).astype(np.float16))

    def frame_store(self) -> FrameStore:
        return CpuFrameStore.one_by_one(self)


def clip_with_change(path: Path, **how: object) -> Path:
    """Fourteen seconds of one texture with three of another in them."""
    usual, other = texture(64, 64, 48), texture(90, 64, 48, seed=5)
    pictures = [usual[number % 64] for number in range(240)] + other + [usual[number % 64] for number in range(90)]
    return make_clip(path, pictures=pictures, key_every=45, **how)  # type: ignore[arg-type]  # named properties


def variable(number: int) -> float:
    """Times of a camera whose rate wavers, with a hole of 0.7 s."""
    return number / 30 + 0.01 * (number % 3) + 0.7 * (number > 100)


CLIPS: dict[str, Callable[[Path], Path]] = {
    "open GOP": lambda folder: clip_with_change(folder / "clip.mp4", b_frames=3, x265=OPEN_GOP),
    "variable rate": lambda folder: clip_with_change(
        folder / "clip.mkv", b_frames=2, x265=OPEN_GOP, times_s=[variable(number) for number in range(420)]
    ),
    "damaged": lambda folder: cut(
        remux(
            clip_with_change(folder / "whole.mp4", b_frames=3, x265=OPEN_GOP),
            folder / "lost.mp4",
            without={100, 130, 131, 250},
        ),
        folder / "clip.mp4",
        0.9,
    ),
    "no index": lambda folder: clip_with_change(folder / "clip.ts", b_frames=3, x265=OPEN_GOP),
    "no times": lambda folder: clip_with_change(folder / "clip.hevc"),
}


class Chain:
    """The whole chain but for its processes: what crosses their borders, and the states at each barrier."""

    def __init__(self, clip: Path, checkpoint: SavedCheckpoint | None = None) -> None:
        options = Options(source=str(clip)).replace(
            {
                "lens.rectify": False,
                "encoder.name": "grid",
                "resolved.encoder_px": 32,
                "keyframes.px": 64,
            }
        )
        self._work = build(INGEST, options, RunLayout(Path(), "clip"), checkpoint=checkpoint)
        self._rest: dict[str, Stage] = {
            "encode": Pipeline([Embed(Thumbnails(), 1.0)]),
            "detect": Pipeline([Detect(DETECTOR)]),
        }
        for stage in self._rest.values() if checkpoint else ():
            stage.restore(checkpoint.states if checkpoint else {})

    def play(self) -> Iterator[Item]:
        """All that reaches the record; a barrier carries the states of all before it."""
        source, stage = self._work.source, self._work.stage
        assert source is not None
        for packet in source.packets():
            assert packet is not None
            for item in stage.on_item(packet):
                yield from self._push(item)
                if source.barriers.are_due(item) and isinstance(item, EncoderFrame):
                    parts = (stage, *self._rest.values())
                    states = {name: state for part in parts for name, state in part.snapshot().items()}
                    yield Barrier(item.t_s, packed_states(states))
        for item in stage.on_end():
            yield from self._push(item)
        yield from self._push(source.end("end_of_stream"))

    def _push(self, item: Item) -> Iterator[Item]:
        encode, detect = self._rest.values()
        for items in feed(encode, item):
            yield from feed(detect, items)


def comparable(items: list[Item]) -> list[object]:
    """Items by what they say."""
    return [
        (item.index, item.t_sample_s, item.t_end_s, item.mean.tobytes(), item.temporal.tobytes())
        if isinstance(item, Embedding)
        else (item.t_s, plain(unpacked_states(item.states)))
        if isinstance(item, Barrier)
        else item
        for item in items
    ]


def plain(value: object) -> object:
    """A state whose arrays are comparable, without the entries: more of them are known to who has seen more."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if name != "entries"}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.tobytes() if isinstance(value, np.ndarray) else value


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIPS)
def test_what_follows_is_the_same_at_every_barrier(kind: str, tmp_path: Path) -> None:
    """Cut behind each barrier, the rest gives the same keyframes, damage, embeddings, segments, states and end."""
    clip = CLIPS[kind](tmp_path)
    whole = list(Chain(clip).play())
    kinds = {type(item) for item in whole}
    assert kinds >= {Keyframe, Embedding, SegmentOpened, SegmentClosed, End}
    cuts = [number for number, item in enumerate(whole) if isinstance(item, Barrier)]
    assert len(cuts) >= SECONDS - 3
    for number in some_of(cuts[::2]):
        barrier = whole[number]
        assert isinstance(barrier, Barrier)
        rest = list(Chain(clip, SavedCheckpoint(1, 0, barrier.t_s, TOTALS, unpacked_states(barrier.states))).play())
        assert comparable(rest) == comparable(whole[number + 1 :])


@pytest.mark.parametrize("later", [0, 25])
def test_record_continues_from_its_state(later: int, tmp_path: Path) -> None:
    """Behind each barrier the record ends with the same events, though ``later`` items more are on disk already."""
    write_intrinsics(tmp_path)
    items = list(Chain(CLIPS["damaged"](tmp_path)).play())
    options = Options(source="clip.mp4")
    events, _ = record_all(tmp_path / "whole", items, options)
    assert events > 15
    for number in some_of([number for number, item in enumerate(items) if isinstance(item, Barrier)][::2]):
        root = tmp_path / f"cut{number}"
        _, state = record_all(root, items[: min(number + 1 + later, len(items) - 2)], options, state_at=number)
        with closing(Record(RunLayout(root, "clip"), options)) as record:
            record.restore(unpack(pack(state)))
            for item in items[number + 1 :]:
                list(record.on_item(item))
        assert story(root) == story(tmp_path / "whole")
        shutil.rmtree(root)


def record_all(root: Path, items: list[Item], options: Options, state_at: int = -1) -> tuple[int, State]:
    """Record the items; how many events came of them, and the record's own state behind one of them."""
    layout, state = RunLayout(root, "clip"), {}
    layout.durable_checkpoint.parent.mkdir(parents=True)
    with closing(Record(layout, options)) as record:
        for number, item in enumerate(items):
            list(record.on_item(item))
            if number == state_at:
                state = record.snapshot()
    return len(list(read_events(layout.events))), state


def story(root: Path) -> list[dict[str, object]]:
    """All events, times of day aside."""
    return [without(event, "time", "wall_s") for event in read_events(root / "events.jsonl")]


def test_barriers_follow_from_the_clip_alone() -> None:
    """There is one behind the first frame at or after each multiple of the period; restored, the same ones follow."""
    frames = [EncoderFrame(number, number / 7, 1 / 7, np.zeros((1, 1, 3), np.uint8)) for number in range(40)]
    barriers = Barriers(0.5)
    at = [frame.t_s for frame in frames if barriers.are_due(frame)]
    assert at == [min(frame.t_s for frame in frames if frame.t_s >= k / 2 - 1e-9) for k in range(12)]
    for number, t_s in enumerate(at):
        again = Barriers(0.5, t_s)
        assert [frame.t_s for frame in frames if again.are_due(frame)] == at[number + 1 :]
    assert not barriers.are_due(Keyframe(99.0, 4, 4, b""))


def test_only_what_is_needed_is_rectified_again(tmp_path: Path) -> None:
    """Frames come again from where the encoder needs them, and keyframes not at all."""
    clip = CLIPS["open GOP"](tmp_path)
    barrier = next(islice((item for item in Chain(clip).play() if isinstance(item, Barrier)), 9, None))
    checkpoint = SavedCheckpoint(1, 0, barrier.t_s, TOTALS, unpacked_states(barrier.states))
    options = Options(source=str(clip)).replace({"lens.rectify": False, "resolved.encoder_px": 32, "keyframes.px": 64})
    work = build(INGEST, options, RunLayout(tmp_path, "clip"), checkpoint=checkpoint)
    assert work.source is not None
    items = [item for packet in work.source.packets() if packet for item in work.stage.on_item(packet)]
    again = [item for item in items if isinstance(item, EncoderFrame | Keyframe | Picture) and item.t_s <= barrier.t_s]
    assert {type(item) for item in again} == {EncoderFrame}
    assert again[0].t_s == replay_from_s(checkpoint.states)
    assert 2.0 <= barrier.t_s - again[0].t_s <= 3.2
    assert work.source.since_s == barrier.t_s
