"""The end of the chain: everything that is known becomes durable, then it is announced."""

import time
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from stream.errors import EgocleanError
from stream.items import (
    Damage,
    Embedding,
    End,
    Item,
    Keyframe,
    SegmentClosed,
    SegmentOpened,
    SegmentSkipped,
)
from stream.records import events
from stream.records.arrays import GrowingArray
from stream.records.books import Books, to_us
from stream.records.layout import RunLayout
from stream.records.log import ReplayedLog
from stream.records.spool import Spool, Spooled, digest
from stream.stage import State

CHECKPOINT_S = 30.0
"""Stream time between two checkpoints."""


class Record:
    """The one writer of a run's events, arrays and keyframes.

    Its memory is the disk: when a run goes on, the chain plays again from the start, and what is given again is found
    there.
    """

    def __init__(self, layout: RunLayout, spool_bytes_max: int) -> None:
        self._layout = layout
        self._log = ReplayedLog(layout.events)
        self._spool = Spool(layout.keyframes, spool_bytes_max)
        self._arrays: tuple[GrowingArray, GrowingArray, GrowingArray] | None = None
        self._books = Books()
        self._frames: list[Spooled] = []
        """Keyframes of the segments that are still open."""
        self._windows = self._segments = self._anomalous = 0
        self._checkpoint_at_s = CHECKPOINT_S
        self._began_at = time.monotonic()

    def on_item(self, item: Item) -> Iterator[Item]:
        """Take an item off the chain; nothing comes out."""
        match item:
            case Keyframe():
                self._frames.append(self._spool.add(item.t_s, item.jpeg))
            case Embedding():
                self._embedding(item)
            case Damage():
                self._damage(item)
            case SegmentOpened():
                self._log.append(events.SegmentOpened(**asdict(item)))
            case SegmentClosed():
                self._closed(item)
            case SegmentSkipped():
                self._log.append(events.SegmentSkipped(segment_id=item.segment_id, reason=item.reason))
                self._books.settle(item.segment_id, "skipped")
            case End(reason="end_of_stream"):
                self._finish(item)
            case _:
                pass
        return iter(())

    def on_end(self) -> Iterator[Item]:
        return iter(())

    def close(self) -> None:
        """Make everything durable and close the files."""
        for array in self._arrays or ():
            array.close()
        self._log.close()

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        """There is nothing to put back that the disk does not hold."""

    def _embedding(self, item: Embedding) -> None:
        if self._arrays is None:
            self._arrays = (
                GrowingArray(self._layout.embeddings, item.mean.shape, "<f4"),
                GrowingArray(self._layout.temporal, item.temporal.shape, "<f2"),
                GrowingArray(self._layout.timestamps, (), "<f8"),
            )
        for array, row in zip(self._arrays, (item.mean, item.temporal, np.float64(item.t_sample_s)), strict=True):
            array.put(item.index, np.asarray(row))
        self._windows += 1
        if item.t_sample_s >= self._checkpoint_at_s:
            self._checkpoint(item.t_sample_s)

    def _checkpoint(self, t_s: float) -> None:
        for array in self._arrays or ():
            array.sync()
        self._spool.sync()
        self._log.append(events.Checkpoint(t_s=t_s, windows=self._windows, segments=self._segments))
        self._checkpoint_at_s = (t_s // CHECKPOINT_S + 1) * CHECKPOINT_S

    def _damage(self, item: Damage) -> None:
        self._books.damage(item.t_start_s, item.t_end_s)
        self._log.append(events.SourceDamaged(**asdict(item)))

    def _closed(self, item: SegmentClosed) -> None:
        inside = [frame for frame in self._frames if frame.t_s < item.t_end_s]
        self._frames = self._frames[len(inside) :]
        self._spool.sync()
        damaged_s = self._books.close(item.segment_id, item.t_start_s, item.t_end_s)
        self._segments += 1
        self._anomalous += item.kind == "anomalous"
        self._log.append(
            events.SegmentClosed(
                **asdict(item), damaged_s=damaged_s, keyframes=len(inside), frames_digest=digest(inside)
            )
        )

    def _finish(self, end: End) -> None:
        if self._books.unsettled or abs(to_us(self._books.total_s) - to_us(end.decoded_s)) > 1000:
            raise EgocleanError(
                f"the books do not close: {end.decoded_s} s decoded, {self._books.seconds()} accounted for, "
                f"segments without an outcome: {self._books.unsettled}"
            )
        seconds = self._books.seconds()
        partial = bool(seconds["damaged_s"] or seconds["failed_s"] or end.packets_lost)
        for array in self._arrays or ():
            array.sync()
        self._log.append(
            events.RunFinished(
                decoded_s=end.decoded_s,
                **seconds,
                frames=end.frames,
                packets_lost=end.packets_lost,
                windows=self._windows,
                segments=self._segments,
                anomalous=self._anomalous,
                wall_s=round(time.monotonic() - self._began_at, 3),
                exit_code=4 if partial else 0,
            )
        )
