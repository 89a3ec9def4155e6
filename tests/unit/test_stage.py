"""Stages compose, and are driven in memory as the worker drives them."""

from collections.abc import Iterator, Sequence

import pytest

from stream.pipeline.facts import Fact, SegmentOpened, SourceDamaged
from stream.pipeline.items import Barrier, End, Item
from stream.pipeline.stage import Gauges, Pipeline, Stage, StageFacts, State, drive, feed
from stream.pipeline.state import packed_states, unpacked_states

END = End("end_of_stream", 3.0, 90)


class Hold(Stage):
    """A stage that returns each item only when the next one comes, and the last at the end."""

    name = "hold"

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


class HoldMore(Hold):
    """Another one."""

    name = "hold more"


class HoldMost(Hold):
    """A third one."""

    name = "hold most"


class ClockStage(Stage):
    """A stage that returns an item at a time, is ready when a test sets it so, and has facts."""

    name = "clock"

    def __init__(self, at_s: float | None = None, *, is_ready: bool = True, fails: bool = False) -> None:
        self.at_s, self.is_ready, self.fails = at_s, is_ready, fails
        self.recorded: list[Fact] = []
        self.closed = 0

    def on_item(self, item: Item) -> Iterator[Item]:
        yield item

    def notify_at(self) -> float | None:
        return self.at_s

    def on_notify(self, now_s: float) -> Iterator[Item]:
        yield opened(round(now_s))

    def ready(self) -> bool:
        return self.is_ready

    def catch_up(self, recorded: Sequence[Fact]) -> None:
        self.recorded += recorded

    def facts(self) -> StageFacts:
        return {"shared": {self.name: True}, self.name: {"at_s": self.at_s}}

    def gauges(self) -> Gauges:
        return {f"{self.name} closed": float(self.closed)}

    def close(self) -> None:
        self.closed += 1
        if self.fails:
            raise OSError("cannot be closed")


class LateClock(ClockStage):
    """Another one."""

    name = "late clock"


def opened(number: int) -> SegmentOpened:
    """An item that knows its number."""
    return SegmentOpened(str(number), float(number), "typical", float(number))


def test_what_is_held_comes_before_the_end() -> None:
    """At the end of the stream every stage gives what it holds, in the chain's order, before End passes."""
    items: list[Item] = [opened(k) for k in range(5)]
    assert list(drive(Pipeline([Hold(), HoldMore(), HoldMost()]), [*items, END])) == [*items, END]


def test_items_pass_as_soon_as_they_can() -> None:
    """A pipeline is lazy: an item is out when the stages let it out, not at the end."""
    pipeline = Pipeline([Hold()])
    assert list(feed(pipeline, opened(0))) == []
    assert list(feed(pipeline, opened(1))) == [opened(0)]


def test_pipeline_restores_every_stage() -> None:
    """A pipeline's snapshot holds the state of each of its stages, and restores them."""
    pipeline = Pipeline([Hold(), HoldMore()])
    list(drive(pipeline, [opened(0), SourceDamaged(0.0, 1.0, "lost", 1)]))
    fresh = Pipeline([Hold(), HoldMore()])
    fresh.restore(pipeline.snapshot())
    assert fresh.snapshot() == pipeline.snapshot()


def test_a_stage_put_in_between_changes_no_saved_state() -> None:
    """A state saved before a stage was put in restores the others, and the new one starts fresh."""
    before = Pipeline([Hold(), HoldMost()])
    list(drive(before, [opened(0), opened(1)]))
    saved = before.snapshot()
    inner = HoldMore()
    after = Pipeline([Hold(), inner, HoldMost()])
    after.restore(saved)
    assert {name: state for name, state in after.snapshot().items() if name != "hold more"} == saved
    assert inner.held == []
    again = Pipeline([Hold(), HoldMost()])
    again.restore(after.snapshot())
    assert again.snapshot() == saved


def test_what_is_not_a_state_is_refused() -> None:
    """A value that is not a state is an error, not a half-restored stage."""
    with pytest.raises(TypeError, match="the state of stage hold is a int, expected a dict"):
        Pipeline([Hold()]).restore({"hold": 3})


def test_names_are_unique() -> None:
    """Two stages with one name would share a state."""
    with pytest.raises(ValueError, match=r"\['hold', 'hold'\] of a pipeline have the same name"):
        Pipeline([Hold(), Hold()])


def test_what_a_stage_returns_by_the_clock_goes_through_the_later_stages() -> None:
    """Only stages that are due are notified, in order, and their items pass all stages after them."""
    hold = Hold()
    pipeline = Pipeline([ClockStage(2.0), hold, LateClock(5.0)])
    assert pipeline.notify_at() == 2.0
    assert list(pipeline.on_notify(1.0)) == []
    assert list(pipeline.on_notify(2.0)) == []
    assert hold.held == [opened(2)]
    assert list(pipeline.on_notify(6.0)) == [opened(2), opened(6)]
    assert Pipeline([ClockStage(), Hold()]).notify_at() is None


def test_a_pipeline_forwards_every_part_of_the_contract() -> None:
    """It is ready if all its stages are; facts and gauges are merged, events reach every stage."""
    first, second = ClockStage(1.0), LateClock(is_ready=False)
    pipeline = Pipeline([first, second])
    assert not pipeline.ready()
    second.is_ready = True
    assert pipeline.ready()
    assert pipeline.facts() == {
        "shared": {"clock": True, "late clock": True},
        "clock": {"at_s": 1.0},
        "late clock": {"at_s": None},
    }
    assert pipeline.gauges() == {"clock closed": 0.0, "late clock closed": 0.0}
    pipeline.catch_up([opened(3)])
    assert first.recorded == second.recorded == [opened(3)]


def test_all_stages_are_closed_although_one_raises() -> None:
    """The last stage is closed first; an error of one does not keep the others open, and is raised."""
    first, second = ClockStage(), LateClock(fails=True)
    with pytest.raises(OSError, match="cannot be closed"):
        Pipeline([first, second]).close()
    assert (first.closed, second.closed) == (1, 1)


class Count(Stage):
    """A stage that counts the items other than barriers that it has passed on."""

    name = "count"

    def __init__(self) -> None:
        self.items = 0

    def on_item(self, item: Item) -> Iterator[Item]:
        self.items += not isinstance(item, Barrier)
        yield item

    def snapshot(self) -> State:
        return {"items": self.items}


def test_a_barrier_holds_the_state_of_each_stage_when_it_passed_it() -> None:
    """A stage that holds a barrier back while the one before it continues does not change that one's state."""
    pipeline = Pipeline([Count(), Hold()])
    items: list[Item] = [opened(0), opened(1), Barrier(1.0, packed_states({"before": {}})), opened(2), END]
    (barrier,) = [item for item in drive(pipeline, items) if isinstance(item, Barrier)]
    assert unpacked_states(barrier.states) == {"before": {}, "count": {"items": 2}, "hold": {"held": 1}}


def test_two_stages_of_one_name_are_refused_across_pipelines() -> None:
    """States are saved by name, so a name that an earlier process uses is an error, not an overwritten state."""
    barrier = Barrier(1.0, packed_states({"count": {"items": 5}}))
    with pytest.raises(ValueError, match="two stages of the chain are named count"):
        list(Pipeline([Count()]).on_item(barrier))
