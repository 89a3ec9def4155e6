"""The end of the chain: everything that is known becomes durable, then it is announced."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from models.annotator import AnnotationAnswer, AnnotationFailure
from stream.annotation.desk import Desk
from stream.config import Options
from stream.errors import EgocleanError
from stream.items import Damage, Embedding, End, Item, Keyframe, SegmentClosed, SegmentOpened
from stream.records import events
from stream.records.arrays import GrowingArray
from stream.records.books import DamageInside, account, to_us
from stream.records.layout import RunLayout
from stream.records.log import ReplayedLog, read_events
from stream.records.spool import Spool, digest, in_ms
from stream.stage import State

CHECKPOINT_S = 30.0
"""Stream time between two checkpoints."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A keyframe, as its segment's event needs it."""

    name_ms: int
    sha256: str
    size: tuple[int, int]


class Record:
    """The one writer of a run's events, arrays, keyframes and annotations.

    Closed segments go to the annotator, where there is one, and its answers come back here. The memory of all this is
    the disk: when a run goes on, the chain plays again from the start, and what is given again is found there.
    """

    def __init__(self, layout: RunLayout, options: Options) -> None:
        self._layout = layout
        self._has_annotator = options.annotator != "none"
        self._log = ReplayedLog(layout.events)
        self._spool = Spool(layout.keyframes, options.spool_mib * 2**20)
        self._desk = Desk(layout, self._log, self._spool, options)
        self._arrays: tuple[GrowingArray, GrowingArray, GrowingArray] | None = None
        self._damage_inside = DamageInside()
        self._seen: list[_Seen] = []
        """Keyframes of the segments that are still open."""
        self._windows = self._segments = self._anomalous = 0
        self._checkpoint_at_s = CHECKPOINT_S
        self._chain_end: End | None = None
        self._began_at = time.monotonic()

    def on_item(self, item: Item) -> Iterator[Item]:
        """Take an item of the chain, or what came back from the annotator; orders come out of ``due``."""
        match item:
            case Keyframe():
                self._keyframe(item)
            case Embedding():
                self._embedding(item)
            case Damage():
                self._damage_inside.add(item.t_start_s, item.t_end_s)
                self._log.append(events.SourceDamaged(**asdict(item)))
            case SegmentOpened():
                self._log.append(events.SegmentOpened(**asdict(item)))
            case SegmentClosed():
                self._closed(item)
            case AnnotationAnswer() | AnnotationFailure():
                self._desk.take(item)
            case End(reason="end_of_stream"):
                self._ended(item)
            case _:
                pass
        return iter(())

    def on_end(self) -> Iterator[Item]:
        return iter(())

    def due(self, _now_s: float) -> Iterator[Item]:
        """Orders for the annotator."""
        return self._desk.due()

    def ready(self) -> bool:
        """Whether the chain may go on: not while the spool is full of what the annotator has yet to see."""
        return self._desk.ready

    def facts(self) -> dict[str, Any]:
        """For ``run.json``."""
        return {"annotator": {"answers_refused": self._desk.refused}} if self._has_annotator else {}

    def levels(self) -> dict[str, float]:
        """Closed segments that wait for the annotator's word, and bytes of keyframes on disk."""
        return {"waiting_segments": self._desk.open_segments, "spool_bytes": self._spool.size_bytes}

    def close(self) -> None:
        """Make everything durable and close the files."""
        for array in self._arrays or ():
            array.close()
        self._desk.close_files()
        self._log.close()

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        """There is nothing to put back that the disk does not hold."""

    def _keyframe(self, item: Keyframe) -> None:
        self._spool.add(item.t_s, item.jpeg)
        self._seen.append(_Seen(in_ms(item.t_s), sha256(item.jpeg).hexdigest(), (item.width, item.height)))

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
        self._sync()
        self._log.append(events.Checkpoint(t_s=t_s, windows=self._windows, segments=self._segments))
        self._checkpoint_at_s = (t_s // CHECKPOINT_S + 1) * CHECKPOINT_S

    def _sync(self) -> None:
        for array in self._arrays or ():
            array.sync()
        self._spool.sync()

    def _closed(self, item: SegmentClosed) -> None:
        inside = [seen for seen in self._seen if seen.name_ms < in_ms(item.t_end_s)]
        self._seen = self._seen[len(inside) :]
        sizes = {seen.size for seen in inside}
        width, height = sizes.pop() if len(sizes) == 1 else (0, 0)
        self._segments += 1
        self._anomalous += item.kind == "anomalous"
        closed = events.SegmentClosed(
            **asdict(item),
            damaged_s=self._damage_inside.close(item.t_start_s, item.t_end_s),
            keyframes=len(inside),
            keyframe_width_px=width,
            keyframe_height_px=height,
            frames_digest=digest(seen.sha256 for seen in inside),
        )
        self._sync()
        self._log.append(closed)
        self._desk.close(closed)

    def _ended(self, end: End) -> None:
        """The chain has ended, or, if it had before, the annotator."""
        if self._has_annotator and self._chain_end is None:
            self._chain_end = end
            self._desk.end(end)
        else:
            self._desk.give_up()
            self._finish(end)

    def _finish(self, end: End) -> None:
        books = account(read_events(self._layout.events))
        if books.unsettled or abs(to_us(books.total_s) - to_us(end.decoded_s)) > 1000:
            raise EgocleanError(
                f"the books do not close: {end.decoded_s} s decoded, {books.seconds} accounted for, "
                f"segments without an outcome: {books.unsettled}"
            )
        self._sync()
        self._log.append(
            events.RunFinished(
                decoded_s=end.decoded_s,
                **books.seconds,
                frames=end.frames,
                packets_lost=end.packets_lost,
                windows=self._windows,
                segments=self._segments,
                anomalous=self._anomalous,
                annotation=books.annotation,
                wall_s=round(time.monotonic() - self._began_at, 3),
                exit_code=4 if books.seconds["damaged_s"] or books.seconds["failed_s"] or end.packets_lost else 0,
            )
        )
