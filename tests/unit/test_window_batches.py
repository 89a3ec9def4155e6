"""Batches of windows: the same for the same clip, in order, and never late."""

from collections.abc import Iterable

import numpy as np
import pytest

from models.encoders.grid import GridEncoder
from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import Embedding, EncoderFrame, End, Item, Keyframe
from stream.pipeline.stage import drive
from stream.stages.embed import UNDER_WAY_MAX, Embed
from tests.support.spy_encoder import Spy, numbered_frames

SECONDS = 12
ITEMS = numbered_frames(np.arange(SECONDS * 30) / 30)
END = End("end_of_stream", SECONDS, SECONDS * 30)


def embeddings(items: Iterable[Item]) -> list[Embedding]:
    return [item for item in items if isinstance(item, Embedding)]


@pytest.mark.parametrize(("batch", "sizes"), [(1, [1] * 10), (4, [4, 4, 2]), (16, [10])])
def test_batches_are_full_but_for_the_last(batch: int, sizes: list[int]) -> None:
    """Without a limit of latency a batch waits until it is full, or the stream ends."""
    spy = Spy()
    batch_embeddings = embeddings(drive(Embed(spy, 1.0, batch=batch), [*ITEMS, END]))
    assert spy.batches == sizes
    assert [item.index for item in batch_embeddings] == list(range(10))
    assert spy.seen == [list(range(30 * k, 30 * k + 64)) for k in range(10)]


def test_a_window_waits_no_longer_than_allowed() -> None:
    """A batch is sent when its oldest window has waited for so much of the stream; the next one ends where it would."""
    spy = Spy()
    stage = Embed(spy, 1.0, batch=4, max_latency_s=1.5)
    for item in [*ITEMS, END]:
        now_s = item.t_s if isinstance(item, EncoderFrame) else SECONDS
        for embedding in embeddings(drive(stage, [item])):
            assert now_s - embedding.t_end_s <= 1.5
    assert spy.batches == [2, 2, 2, 2, 2]


def test_a_hole_does_not_shift_the_batches() -> None:
    """Batches are counted in windows of the stream, so that those after a hole are the same as without it."""
    spy = Spy()
    frames = [item for item in ITEMS if isinstance(item, EncoderFrame) and not 5.0 <= item.t_s < 6.5]
    list(drive(Embed(spy, 1.0, batch=4), [*frames, END]))
    assert spy.batches == [4, 1, 2]


def test_what_comes_after_a_batch_waits_behind_it() -> None:
    """However slow the encoder, everything leaves in the order that a fast one would give."""
    others: list[Item] = [Keyframe(k, 1, 1, b"") for k in range(SECONDS)]
    mixed = sorted([*ITEMS, *others, SourceDamaged(5.01, 5.02, "lost", 1)], key=lambda item: getattr(item, "t_s", 5.01))
    fast = list(drive(Embed(Spy(), 1.0), [*mixed, END]))
    ready: set[int] = set()
    slow_stage = Embed(Spy(ready=ready), 1.0)
    slow: list[Item] = []
    for number, item in enumerate([*mixed, END]):
        slow += drive(slow_stage, [item])
        if number == 200:
            ready.update(range(4))
    assert [_named(item) for item in slow] == [_named(item) for item in fast]


def _named(item: Item) -> tuple[object, ...]:
    return (type(item).__name__, getattr(item, "t_s", None), getattr(item, "t_sample_s", None))


def test_few_batches_are_under_way() -> None:
    """An encoder that falls behind holds the stream up instead of gathering work."""
    spy = Spy(ready=set())
    stage, count = Embed(spy, 1.0), 0
    for item in ITEMS:
        count += len(embeddings(stage.on_item(item)))
        assert len(spy.batches) - count <= UNDER_WAY_MAX
    assert count == 10 - UNDER_WAY_MAX


def test_a_snapshot_is_of_what_has_left() -> None:
    """Windows under way, or waiting for their batch, are embedded again when a run resumes from it."""
    ready: set[int] = set()
    stage = Embed(Spy(ready=ready), 1.0, batch=4)
    for item in ITEMS:
        list(stage.on_item(item))
    assert stage.snapshot() == {"next": 0, "encoded": 0, "replay_from_s": 0.0}
    ready.add(0)
    assert len(embeddings(stage.on_notify(0.0))) == 4
    assert stage.snapshot() == {"next": 4, "encoded": 4, "replay_from_s": 4.0}
    ready.add(1)
    assert len(embeddings(stage.on_notify(0.0))) == 4
    assert stage.snapshot() == {"next": 8, "encoded": 8, "replay_from_s": 8.0}


def test_a_batch_gives_what_single_windows_give() -> None:
    """The embeddings do not depend on the size of the batch."""
    pictures = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3), dtype=np.uint8)
    frames: list[Item] = [EncoderFrame(k, k / 4, 0.25, picture) for k, picture in enumerate(pictures)]
    one, three = (
        embeddings(drive(Embed(GridEncoder(4), 1.0, rate_fps=4, batch=batch), [*frames, END])) for batch in (1, 3)
    )
    assert len(one) == 6
    for single, batched in zip(one, three, strict=True):
        np.testing.assert_array_equal(single.temporal, batched.temporal)
