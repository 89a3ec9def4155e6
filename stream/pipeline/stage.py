"""The contract of a stage, pipelines of stages, and how stages are driven without a process or a socket.

A stage is a pure object: items in, items out, and state that can be saved and restored. Sockets, signals, heartbeats
and metrics belong to the worker (``stream.runtime.worker``); a test drives a stage with ``drive``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

from stream.pipeline.facts import Fact
from stream.pipeline.items import Barrier, End, Item
from stream.pipeline.state import State, with_state

__all__ = ["Gauges", "Pipeline", "Stage", "StageFacts", "State", "drive", "feed"]

StageFacts: TypeAlias = dict[str, dict[str, Any]]
"""For ``run.json``: sections, each with values of JSON's types."""
Gauges: TypeAlias = dict[str, float]
"""Present values by name, for the metrics."""


class Stage(ABC):
    """Takes items and gives items. Only ``on_item`` must be written; the rest have defaults that do nothing.

    A stage passes on, unchanged and in order, every item that it does not know: everything that a later stage needs
    travels along the one chain. The last stage of a chain passes nothing on.
    """

    name: ClassVar[str]
    """Unique in a chain. The state of the stage is saved under it."""

    @abstractmethod
    def on_item(self, item: Item) -> Iterable[Item]:
        """Take one item; return the items that result from it, in order."""

    def on_end(self) -> Iterable[Item]:
        """Return what is still held, since no more items come. ``End`` itself comes next, through ``on_item``."""
        return ()

    def notify_at(self) -> float | None:
        """Time of the next ``on_notify``, in seconds of the monotonic clock; None if only an item can set one."""
        return None

    def on_notify(self, now_s: float) -> Iterable[Item]:  # noqa: ARG002 - for those that look at the clock
        """Return what is due at ``now_s`` of the monotonic clock, whether or not an item has come in."""
        return ()

    def ready(self) -> bool:
        """Whether the stage can take the next item of the chain."""
        return True

    def snapshot(self) -> State:
        """The state after the last item that was taken from the stage: ``restore`` on a new one continues from here.

        It holds no pixels. A stage that needs earlier frames names in ``replay_from_s`` the stream time from which the
        source must play again.
        """
        return {}

    def restore(self, state: State) -> None:  # noqa: B027 - not every stage has a state
        """Put back what ``snapshot`` returned."""

    def catch_up(self, recorded: Sequence[Fact]) -> None:  # noqa: B027 - not every stage has a time line
        """After ``restore``, for a camera: take the events that were recorded after the snapshot, in order.

        A camera cannot be played again, so what was recorded stays, and the stage continues behind it.
        """

    def facts(self) -> StageFacts:
        """Facts about the work for ``run.json``, as far as they are known."""
        return {}

    def gauges(self) -> Gauges:
        """Current amounts that the stage holds, for the metrics."""
        return {}

    def close(self) -> None:  # noqa: B027 - not every stage holds something
        """Release files and connections. It may be called more than once."""


class Pipeline(Stage):
    """Several stages as one: the items that one stage returns go into the next at once.

    A barrier gets the packed snapshot of each stage as it leaves that stage: a later stage may hold the barrier back
    while earlier ones continue.
    """

    name = "pipeline"

    def __init__(self, stages: Sequence[Stage]) -> None:
        """Raises ``ValueError`` if two stages have the same name."""
        self._stages = tuple(stages)
        names = [stage.name for stage in self._stages]
        if len(set(names)) < len(names):
            raise ValueError(f"the stages {names} of a pipeline have the same name, expected a different one for each")

    def on_item(self, item: Item) -> Iterator[Item]:
        return self._push_all(self._stages[0].on_item(item), 1)

    def on_end(self) -> Iterator[Item]:
        for depth, stage in enumerate(self._stages):
            yield from self._push_all(stage.on_end(), depth + 1)

    def notify_at(self) -> float | None:
        """The earliest time that a stage names."""
        return min((at for stage in self._stages if (at := stage.notify_at()) is not None), default=None)

    def on_notify(self, now_s: float) -> Iterator[Item]:
        """Notify each stage that is due; what it returns goes through all later stages."""
        for depth, stage in enumerate(self._stages):
            if (at := stage.notify_at()) is not None and at <= now_s:
                yield from self._push_all(stage.on_notify(now_s), depth + 1)

    def ready(self) -> bool:
        return all(stage.ready() for stage in self._stages)

    def snapshot(self) -> State:
        """The states of the stages, by name."""
        return {stage.name: stage.snapshot() for stage in self._stages}

    def restore(self, state: State) -> None:
        """Restore each stage that has a state; one without, put in since the snapshot, starts fresh.

        Raises:
            TypeError: the value saved under a stage's name is not a state.
        """
        for stage in self._stages:
            part = state.get(stage.name, {})
            if not isinstance(part, dict):
                raise TypeError(f"the state of stage {stage.name} is a {type(part).__name__}, expected a dict")
            if stage.name in state:
                stage.restore(part)

    def catch_up(self, recorded: Sequence[Fact]) -> None:
        for stage in self._stages:
            stage.catch_up(recorded)

    def facts(self) -> StageFacts:
        """The sections of all stages; stages may share a section."""
        merged: StageFacts = {}
        for stage in self._stages:
            for section, values in stage.facts().items():
                merged.setdefault(section, {}).update(values)
        return merged

    def gauges(self) -> Gauges:
        return {name: value for stage in self._stages for name, value in stage.gauges().items()}

    def close(self) -> None:
        """Close the stages in reverse order, all of them even if one raises."""
        with ExitStack() as closing:
            for stage in self._stages:
                closing.callback(stage.close)

    def _push_all(self, items: Iterable[Item], depth: int) -> Iterator[Item]:
        """Push what the stage before ``depth`` returned."""
        for item in items:
            pushed = _with_state(item, self._stages[depth - 1]) if isinstance(item, Barrier) else item
            if depth == len(self._stages):
                yield pushed
            else:
                yield from self._push_all(self._stages[depth].on_item(pushed), depth + 1)


def _with_state(barrier: Barrier, stage: Stage) -> Barrier:
    return replace(barrier, states=with_state(barrier.states, stage.name, stage.snapshot()))


def feed(stage: Stage, item: Item) -> Iterator[Item]:
    """Give one item to a stage as the worker does: ``on_end`` comes before the ``End`` of a stream.

    A run that was stopped is resumed later, from its last barrier, so nothing that is held is forced out.
    """
    if isinstance(item, End) and item.reason == "end_of_stream":
        yield from stage.on_end()
    yield from stage.on_item(item)


def drive(stage: Stage, items: Iterable[Item]) -> Iterator[Item]:
    """Run a stage in memory over a finite source."""
    for item in items:
        yield from feed(stage, item)
