"""The end of the chain: everything that is known becomes durable, then it is announced."""

import time
from collections.abc import Iterator
from dataclasses import asdict

from stream.errors import EgocleanError
from stream.items import (
    Barrier,
    Damage,
    Embedding,
    End,
    Item,
    Keyframe,
    SegmentClosed,
    SegmentOpened,
    SegmentSkipped,
)
from stream.packing import take, unpack
from stream.records import events
from stream.records.atomic import sync_file
from stream.records.attempt import Fence
from stream.records.books import Books, to_us
from stream.records.layout import RunLayout
from stream.records.log import ReplayedLog
from stream.records.saved import StateFiles
from stream.records.spool import Spool, Spooled, digest
from stream.stage import State

CHECKPOINT_S = 30.0
"""Stream time between two checkpoints."""


class Record:
    """The one writer of a run's events, keyframes and states.

    A barrier makes all that came before it something that no process's death can undo; once in ``CHECKPOINT_S`` it is
    a checkpoint, which no power cut can undo. What is given again behind it is found on the disk.
    """

    def __init__(self, layout: RunLayout, spool_bytes_max: int, attempt: int = 0) -> None:
        self._layout = layout
        self._fence = Fence(layout, attempt)
        self._states = StateFiles(layout, attempt)
        self._log = ReplayedLog(layout.events)
        self._spool = Spool(layout.keyframes, spool_bytes_max)
        self._books = Books()
        self._frames: list[Spooled] = []
        """Keyframes of the segments that are still open."""
        self._windows = self._segments = self._anomalous = 0
        self._checkpoint_at_s = CHECKPOINT_S
        self._began_at = time.monotonic()

    def on_item(self, item: Item) -> Iterator[Item]:
        """Take an item off the chain; nothing comes out."""
        self._fence.check()
        match item:
            case Keyframe():
                self._frames.append(self._spool.add(item.t_s, item.jpeg))
            case Embedding():
                self._windows += 1
            case Damage():
                self._damage(item)
            case SegmentOpened():
                self._log.append(events.SegmentOpened(**asdict(item)))
            case SegmentClosed():
                self._closed(item)
            case SegmentSkipped():
                self._log.append(events.SegmentSkipped(segment_id=item.segment_id, reason=item.reason))
                self._books.settle(item.segment_id, "skipped")
            case Barrier():
                self._barrier(item)
            case End(reason="end_of_stream"):
                self._finish(item)
            case _:
                pass
        return iter(())

    def on_end(self) -> Iterator[Item]:
        return iter(())

    def close(self) -> None:
        """Close the files."""
        self._log.close()

    def snapshot(self) -> State:
        return {
            "told": self._log.told,
            "books": self._books.snapshot(),
            "frames": [[frame.t_s, frame.sha256] for frame in self._frames],
            "windows": self._windows,
            "segments": self._segments,
            "anomalous": self._anomalous,
            "checkpoint_at_s": self._checkpoint_at_s,
        }

    def restore(self, state: State) -> None:
        self._log.skip(take(state, "told", int))
        self._books.restore(take(state, "books", dict))
        self._frames = [Spooled(t_s, sha256) for t_s, sha256 in take(state, "frames", list)]
        self._windows, self._segments = take(state, "windows", int), take(state, "segments", int)
        self._anomalous = take(state, "anomalous", int)
        self._checkpoint_at_s = take(state, "checkpoint_at_s", float)

    def _barrier(self, barrier: Barrier) -> None:
        is_checkpoint = barrier.t_s >= self._checkpoint_at_s
        if is_checkpoint:
            self._checkpoint(barrier.t_s)
        states = {**unpack(barrier.states), "record": self.snapshot()}
        self._states.write(barrier.t_s, states, durably=is_checkpoint)

    def _checkpoint(self, t_s: float) -> None:
        self._sync()
        self._log.append(events.Checkpoint(t_s=t_s, windows=self._windows, segments=self._segments))
        self._checkpoint_at_s = (t_s // CHECKPOINT_S + 1) * CHECKPOINT_S

    def _sync(self) -> None:
        for path in self._layout.arrays:
            sync_file(path)
        self._spool.sync()

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
        self._sync()
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
