"""One suite for the contract of a stage, run over every stage of the project with real items."""

import importlib
import math
import pkgutil
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

import stream.stages
from stream.detection.options import DetectorOptions
from stream.geometry.lenses.table import intrinsics_from
from stream.pipeline.codec import pack, unpack
from stream.pipeline.facts import SegmentClosed, SourceDamaged, StreamOverload
from stream.pipeline.items import (
    AnnotationTask,
    AnnotatorUnavailable,
    Barrier,
    Embedding,
    EncoderFrame,
    End,
    Item,
    Motion,
    Packet,
    Picture,
    WorkerReady,
)
from stream.pipeline.stage import Stage, State, drive
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import AttemptGuard, begin_attempt
from stream.records.store.event_log import read_events
from stream.sources.table import open_source
from stream.stages.annotate import Annotate
from stream.stages.decode import Decode
from stream.stages.detect import Detect
from stream.stages.embed import Embed
from stream.stages.motion import MeasureMotion
from stream.stages.record import Record
from stream.stages.rectify import Rectify
from stream.stages.store import EmbeddingWriter
from stream.video.container import read_facts
from stream.video.packets import packets
from tests.support.annotated import clip, jpeg, options
from tests.support.clips import make_clip, remux
from tests.support.facts import without
from tests.support.fake_annotators import FakeAnnotator
from tests.support.properties import some_of
from tests.support.runs import INTRINSICS
from tests.support.spy_encoder import Spy, numbered_frames

Items: TypeAlias = list[Item]
UNKNOWN: Items = [
    WorkerReady("other"),
    StreamOverload(0.0, 0.5, "slow", 1, 0),
    AnnotatorUnavailable("gone"),
    SourceDamaged(0.0, 0.1, "lost", 1),
]


@dataclass(frozen=True)
class StageCase:
    """One stage, and what it is driven with."""

    make: Callable[[RunLayout], Stage]
    items: Callable[[Path], Items]
    """To its ``End``."""
    again: Callable[[Items, int, State, Items], Items] = lambda items, cut, _state, _head: items[cut:]
    """What comes behind a cut: of all items, after so many of them, with that state, when that much was returned."""
    only: type[object] = object
    """The items that must be the same: others pass again when the source plays them again."""
    sink: Callable[[RunLayout], object] | None = None
    """What the last stage of a chain has written, which returns nothing."""


def packets_of(folder: Path) -> Items:
    """The packets of a short clip with a hole in it; a fresh container every time."""
    path = folder / "clip.mp4"
    if not path.exists():
        make = {"frames": 40, "key_every": 10, "b_frames": 2, "x265": "open-gop=1"}
        remux(make_clip(folder / "whole.mp4", **make), path, without={17})  # type: ignore[arg-type]  # named properties
    return [*packets(open_source(str(path))), End("end_of_stream", 40 / 30, 39)]


def decoder(layout: RunLayout) -> Decode:
    source = open_source(str(layout.root / "clip.mp4"))
    return Decode(source.name, read_facts(source))


def pictures_of(folder: Path) -> Items:
    packets_read = packets_of(folder)
    source = open_source(str(folder / "clip.mp4"))
    return list(drive(Decode(source.name, read_facts(source)), packets_read))


def encoder_frames_of(_: Path) -> Items:
    return [*numbered_frames(np.arange(150) / 30), End("end_of_stream", 5.0, 150)]


def encoder_frames_again(items: Items, cut: int, state: State, _: Items) -> Items:
    since_s = 0.0 if state["replay_from_s"] is None else float(str(state["replay_from_s"]))
    return [*(item for item in items[:cut] if isinstance(item, EncoderFrame) and item.t_s >= since_s), *items[cut:]]


def moving_frames_of(_: Path) -> Items:
    texture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    frames = [EncoderFrame(i, i / 30, 1 / 30, np.roll(texture, i, axis=1)) for i in range(60)]
    return [*frames, End("end_of_stream", 2.0, 60)]


def embeddings_of(_: Path) -> Items:
    vectors = np.repeat(np.eye(4, dtype=np.float16), [12, 12, 12, 4], axis=0)
    embeddings = [
        Embedding(index, float(index), index + 2.1, vector.astype(np.float32), vector[None])
        for index, vector in enumerate(vectors)
    ]
    return [*embeddings, End("end_of_stream", 42.0, 1260)]


def segments_of(_: Path) -> Items:
    """All that the record takes, with a barrier behind every window."""
    items: Items = []
    for item in clip(3):
        items.append(item)
        if isinstance(item, Embedding):
            items.append(Barrier(item.t_sample_s, {}))
    return items


def orders_of(folder: Path) -> Items:
    layout = RunLayout(folder, "clip")
    layout.keyframes.mkdir(parents=True, exist_ok=True)
    (layout.keyframes / "00000000000.jpg").write_bytes(jpeg(0))
    orders = [
        AnnotationTask(SegmentClosed(f"s{number:04}", number, number + 1.0, "typical", "state_change", 8.0, 1), 0.0)
        for number in range(6)
    ]
    return [*orders, End("end_of_stream", 6.0, 180)]


def open_orders(items: Items, _cut: int, _state: State, head: Items) -> Items:
    """The annotator has no state: what it has not answered is ordered again."""
    settled = {getattr(item, "segment_id", None) for item in head}
    return [item for item in items if not (isinstance(item, AnnotationTask) and item.segment.segment_id in settled)]


def story(layout: RunLayout) -> object:
    return [without(event, "time", "wall_s") for event in read_events(layout.events)]


CASES: dict[type[Stage], StageCase] = {
    Decode: StageCase(decoder, packets_of, lambda items, _cut, _state, _head: packets_of_clip(items)),
    Rectify: StageCase(lambda _: Rectify(intrinsics_from(INTRINSICS), encoder_px=32, keyframe_fps=7.0), pictures_of),
    MeasureMotion: StageCase(lambda _: MeasureMotion(), moving_frames_of, encoder_frames_again, only=Motion),
    Embed: StageCase(lambda _: Embed(Spy(), 1.0, batch=2), encoder_frames_of, encoder_frames_again),
    EmbeddingWriter: StageCase(
        lambda layout: EmbeddingWriter(layout, AttemptGuard(layout, 1), "a" * 64), embeddings_of
    ),
    Detect: StageCase(lambda _: Detect(DetectorOptions(warmup_s=6, settle_windows=0, max_segment_s=9)), embeddings_of),
    Record: StageCase(lambda layout: Record(layout, options({"annotator.name": "none"}), 1), segments_of, sink=story),
    Annotate: StageCase(lambda layout: Annotate(FakeAnnotator(), layout.keyframes, options()), orders_of, open_orders),
}
NON_SINKS = [kind for kind, case in CASES.items() if case.sink is None]


def packets_of_clip(items: Items) -> Items:
    """The packets from the clip's start, once more: a container's decoder is not used twice."""
    folder = next(Path(item.packet.stream.container.name).parent for item in items if isinstance(item, Packet))
    return packets_of(folder)


def plain(item: Item) -> tuple[object, ...]:
    """An item, comparable: arrays as bytes, and of a picture what is not libav's."""
    values = {
        field.name: getattr(item, field.name)
        for field in fields(item)
        if not (isinstance(item, Picture) and field.name == "frame")
    }
    return type(item).__name__, *(v.tobytes() if isinstance(v, np.ndarray) else v for v in values.values())


def output_of(case: StageCase, layout: RunLayout, items: Iterable[Item]) -> object:
    """What a stage made of its items: what it returned, or, of a sink, what it has written."""
    return case.sink(layout) if case.sink else [plain(item) for item in items if isinstance(item, case.only)]


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A run directory whose first attempt has begun."""
    layout = RunLayout(tmp_path, "clip")
    begin_attempt(layout)
    return layout


def copy_of(layout: RunLayout, name: str) -> RunLayout:
    return RunLayout(Path(shutil.copytree(layout.root, layout.root.parent / f"{layout.root.name}-{name}")), "clip")


def test_every_stage_is_checked() -> None:
    """The table has a row for each class of ``stream.stages`` that is a stage."""
    modules = [importlib.import_module(f"stream.stages.{m.name}") for m in pkgutil.iter_modules(stream.stages.__path__)]
    kinds = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Stage) and value.__module__ == module.__name__
    }
    assert kinds == set(CASES)
    assert len({kind.name for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("kind", CASES)
def test_restored_at_every_item_it_returns_the_same(kind: type[Stage], layout: RunLayout) -> None:
    """Cut after any item and restored from its snapshot, the two parts return what one stage returns."""
    case = CASES[kind]
    items = case.items(layout.root)
    initial_layout = copy_of(layout, "begun")
    with closing(case.make(layout)) as stage:
        whole = output_of(case, layout, list(drive(stage, case.items(layout.root))))
    assert whole
    for cut in some_of(range(len(items))):
        parted = copy_of(initial_layout, str(cut))
        all_items = case.items(parted.root)
        with closing(case.make(parted)) as first:
            head = list(drive(first, all_items[:cut]))
            state = unpack(pack(first.snapshot()))
        with closing(case.make(parted)) as second:
            second.restore(state)
            tail = list(drive(second, case.again(all_items, cut, state, head)))
        assert output_of(case, parted, [*head, *tail]) == whole
        shutil.rmtree(parted.root)


def mixed(items: Sequence[Item]) -> Items:
    """The items with those that no stage knows before some of them."""
    at = {round(len(items) * share): item for share, item in zip((0, 0.3, 0.6, 0.9), UNKNOWN, strict=True)}
    return [each for number, item in enumerate(items) for each in ([at[number], item] if number in at else [item])]


@pytest.mark.parametrize("kind", NON_SINKS)
def test_unknown_items_pass_in_order(kind: type[Stage], layout: RunLayout) -> None:
    """What a stage does not know leaves it unchanged and in order, and changes nothing about the rest."""
    case = CASES[kind]
    items = case.items(layout.root)
    with closing(case.make(layout)) as stage:
        whole = [plain(item) for item in drive(stage, items)]
    items = mixed(case.items(layout.root))
    with closing(case.make(layout)) as stage:
        output = list(drive(stage, items))
    passed = [item for item in output if any(item is unknown for unknown in UNKNOWN)]
    assert passed == UNKNOWN
    assert [plain(item) for item in output if not any(item is unknown for unknown in UNKNOWN)] == whole


@pytest.mark.parametrize("kind", CASES)
def test_nothing_comes_after_the_end(kind: type[Stage], layout: RunLayout) -> None:
    """``End`` is the last item that a stage returns, and by the clock nothing more is due."""
    case = CASES[kind]
    items = case.items(layout.root)
    with closing(case.make(layout)) as stage:
        output = list(drive(stage, items))
        ends = [number for number, item in enumerate(output) if isinstance(item, End)]
        assert ends == ([] if case.sink else [len(output) - 1])
        assert stage.notify_at() is None
        assert list(stage.on_notify(math.inf)) == []


@pytest.mark.parametrize("kind", CASES)
def test_a_fresh_stage_has_nothing_to_say(kind: type[Stage], layout: RunLayout) -> None:
    """Before its first item it is ready, nothing is due, it has facts and gauges, and it can be closed."""
    case = CASES[kind]
    case.items(layout.root)
    stage = case.make(layout)
    assert stage.ready()
    assert stage.notify_at() is None
    assert list(stage.on_notify(1.0)) == []
    assert all(isinstance(section, dict) for section in stage.facts().values())
    assert all(isinstance(value, int | float) for value in stage.gauges().values())
    stage.restore(unpack(pack(stage.snapshot())))
    stage.close()
    stage.close()


@pytest.mark.parametrize("kind", CASES)
def test_a_stage_can_be_closed_twice(kind: type[Stage], layout: RunLayout) -> None:
    """Closing again after work does nothing."""
    case = CASES[kind]
    items = case.items(layout.root)
    stage = case.make(layout)
    list(drive(stage, items))
    stage.close()
    stage.close()
