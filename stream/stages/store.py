"""The embedding writer stores embeddings before it passes them on, so that no window is embedded twice."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stream.errors import UsageError
from stream.pipeline.items import Embedding, Item
from stream.pipeline.stage import Stage, State
from stream.pipeline.state import take
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import DTYPES, GrowingArray
from stream.records.store.attempt import AttemptGuard


class EmbeddingWriter(Stage):
    """The only writer of a run's arrays; all items are passed on.

    Rows survive the death of any process, and power cuts after the next durable checkpoint (``stream.stages.record``).
    """

    name = "store"

    def __init__(self, layout: RunLayout, guard: AttemptGuard, weights_sha256: str = "") -> None:
        """``weights_sha256`` is that of the encoder of the embeddings."""
        self._layout = layout
        self._guard = guard
        self._weights_sha256 = weights_sha256
        self._arrays: tuple[GrowingArray, ...] = ()

    def on_item(self, item: Item) -> Iterator[Item]:
        if isinstance(item, Embedding):
            self._guard.check()
            self._write(item)
        yield item

    def close(self) -> None:
        """Make all rows durable and close the files."""
        arrays, self._arrays = self._arrays, ()
        for array in arrays:
            array.close()

    def snapshot(self) -> State:
        return {"weights_sha256": self._weights_sha256}

    def restore(self, state: State) -> None:
        """Check the encoder; everything else is on disk.

        Raises:
            UsageError: the rows on disk come from other weights.
        """
        before, now = take(state, "weights_sha256", str), self._weights_sha256
        if before != now:
            raise UsageError(
                f"the encoder's weights are not those that the run began with (SHA-256 {before[:12]} then, {now[:12]} "
                "now): use the same weights, choose another --out, or start over with --overwrite"
            )

    def _write(self, item: Embedding) -> None:
        rows: tuple[npt.NDArray[Any], ...] = (
            np.asarray(item.mean),
            np.asarray(item.temporal),
            np.asarray(item.t_sample_s),
        )
        if not self._arrays:
            self._arrays = tuple(
                GrowingArray(path, row.shape, dtype)
                for path, row, dtype in zip(self._layout.arrays, rows, DTYPES, strict=True)
            )
        for array, row in zip(self._arrays, rows, strict=True):
            array.put(item.index, row)
