"""The contract of a stage, and how stages are driven without any process or socket.

A stage is a pure object: items in, items out, state that can be taken and put back. Sockets, signals,
heartbeats and metrics belong to the runner (``stream.runtime.worker``); a test drives a stage with ``drive``.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from stream.pipeline.items import End, Item
from stream.pipeline.state import State

__all__ = ["Pipeline", "Stage", "State", "drive", "feed"]


class Stage(Protocol):
    """Items in, items out.

    An item that a stage does not know is passed on unchanged and in order: everything a later stage needs
    travels the one chain, and each stage looks only at what is its own.
    """

    def on_item(self, item: Item) -> Iterable[Item]:
        """Take one item; give the items it leads to, in order."""
        ...

    def on_end(self) -> Iterable[Item]:
        """No more items: give what is still held. ``End`` itself comes next, through ``on_item``."""
        ...

    def snapshot(self) -> State:
        """The state after the last item that was taken from the stage: ``restore`` on a new one goes on from here.

        It holds no pixels. A stage that needs earlier frames names in ``replay_from_s`` the stream time from
        which the source must play again.
        """
        ...

    def restore(self, state: State) -> None:
        """Put back what ``snapshot`` took."""
        ...


class Pipeline:
    """Several stages in one process, itself a stage: what one gives, the next takes at once."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)

    def on_item(self, item: Item) -> Iterator[Item]:
        return self._push(item, 0)

    def on_end(self) -> Iterator[Item]:
        for depth, stage in enumerate(self._stages):
            for item in stage.on_end():
                yield from self._push(item, depth + 1)

    def snapshot(self) -> State:
        return {str(depth): stage.snapshot() for depth, stage in enumerate(self._stages)}

    def restore(self, state: State) -> None:
        for depth, stage in enumerate(self._stages):
            part = state[str(depth)]
            if not isinstance(part, dict):
                raise TypeError(f"state of stage {depth} is a {type(part).__name__}, expected a dict")
            stage.restore(part)

    def _push(self, item: Item, depth: int) -> Iterator[Item]:
        if depth == len(self._stages):
            yield item
            return
        for given in self._stages[depth].on_item(item):
            yield from self._push(given, depth + 1)


def feed(stage: Stage, item: Item) -> Iterator[Item]:
    """Give one item to a stage as the runner does: before ``End`` comes ``on_end``.

    A run that was stopped goes on some day, from its last barrier: what is held back then is left for that.
    """
    if isinstance(item, End) and item.reason == "end_of_stream":
        yield from stage.on_end()
    yield from stage.on_item(item)


def drive(stage: Stage, items: Iterable[Item]) -> Iterator[Item]:
    """Run a stage in memory over a finite source."""
    for item in items:
        yield from feed(stage, item)
