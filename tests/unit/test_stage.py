"""Stages compose, and are driven in memory as the runner drives them."""

from collections.abc import Iterator

import pytest

from stream.pipeline.facts import SegmentOpened, SourceDamaged
from stream.pipeline.items import End, Item
from stream.pipeline.stage import Pipeline, State, drive, feed

END = End("end_of_stream", 3.0, 90)


class Hold:
    """A stage that gives each item only when the next one comes, and the last at the end."""

    def __init__(self) -> None:
        self.held: list[Item] = []

    def on_item(self, item: Item) -> Iterator[Item]:
        if isinstance(item, End):
            yield item
            return
        yield from self.held
        self.held = [item]

    def on_end(self) -> Iterator[Item]:
        yield from self.held
        self.held = []

    def snapshot(self) -> State:
        return {"held": len(self.held)}

    def restore(self, state: State) -> None:
        self.held = [opened(k) for k in range(int(str(state["held"])))]


def opened(number: int) -> SegmentOpened:
    """An item that knows its number."""
    return SegmentOpened(str(number), float(number), "typical", float(number))


def test_what_is_held_comes_before_the_end() -> None:
    """At the end of the stream every stage gives what it holds, in the chain's order, before End passes."""
    items: list[Item] = [opened(k) for k in range(5)]
    assert list(drive(Pipeline([Hold(), Hold(), Hold()]), [*items, END])) == [*items, END]


def test_items_pass_as_soon_as_they_can() -> None:
    """A pipeline is lazy: an item is out when the stages let it out, not at the end."""
    pipeline = Pipeline([Hold()])
    assert list(feed(pipeline, opened(0))) == []
    assert list(feed(pipeline, opened(1))) == [opened(0)]


def test_pipeline_restores_every_stage() -> None:
    """A pipeline's snapshot holds the state of each of its stages, and restores them."""
    pipeline = Pipeline([Hold(), Hold()])
    list(drive(pipeline, [opened(0), SourceDamaged(0.0, 1.0, "lost", 1)]))
    fresh = Pipeline([Hold(), Hold()])
    fresh.restore(pipeline.snapshot())
    assert fresh.snapshot() == pipeline.snapshot()


def test_foreign_state_is_refused() -> None:
    """State that is not a pipeline's is an error, not a half-restored stage."""
    with pytest.raises(TypeError, match="state of stage 0"):
        Pipeline([Hold()]).restore({"0": 3})
