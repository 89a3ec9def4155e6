"""The annotator's place in the chain. Where there is none, every closed segment is skipped, and the record says so."""

from collections.abc import Iterator

from stream.items import Item, SegmentClosed, SegmentSkipped
from stream.stage import State

NO_ANNOTATOR = "annotator: none"


class SkipAll:
    """``--annotator none``: nothing is described, nothing is invented."""

    def on_item(self, item: Item) -> Iterator[Item]:
        yield item
        if isinstance(item, SegmentClosed):
            yield SegmentSkipped(item.segment_id, NO_ANNOTATOR)

    def on_end(self) -> Iterator[Item]:
        return iter(())

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        """There is nothing to put back."""
