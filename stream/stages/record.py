"""The end of the chain: everything that is known becomes durable, then it is announced."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from stream.annotation.client import NO_ANSWER, Said
from stream.annotation.queue import AnnotationQueue
from stream.config import Options
from stream.errors import EgocleanError
from stream.pipeline.codec import unpack
from stream.pipeline.facts import (
    Fact,
    SegmentClosed,
    SegmentOpened,
    SourceDamaged,
    SourceGap,
    SourceLost,
    StreamOverload,
)
from stream.pipeline.items import AnnotatorAway, Barrier, Embedding, End, Item, Keyframe, WorkerExited, WorkerReady
from stream.pipeline.stage import Facts, Gauges, Stage, State
from stream.pipeline.state import take
from stream.records.accounting import DamageInside, account, to_us
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.atomic import sync_file
from stream.records.store.attempt import Fence
from stream.records.store.checkpoint import StateFiles, Totals
from stream.records.store.event_log import ReplayedLog, read_events
from stream.records.store.keyframes import Spool, digest, in_ms
from stream.stages.overload import OverloadAggregator

CHECKPOINT_S = 30.0
"""Stream time between two checkpoints."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A keyframe, as its segment's event needs it."""

    name_ms: int
    sha256: str
    size: tuple[int, int]


class Record(Stage):
    """The one writer of a run's events, keyframes, annotations and states.

    Closed segments go to the annotator, where there is one, and its answers come back here: that is remembered by the
    disk alone. A barrier makes all that came before it something that no process's death can undo; once in
    ``CHECKPOINT_S`` it is a checkpoint, which no power cut can undo. What is given again behind it is found on disk.
    """

    name = "record"

    def __init__(self, layout: RunLayout, options: Options, attempt: int = 0) -> None:
        self._layout = layout
        self._has_annotator = options.annotator.name != "none"
        self._fence = Fence(layout, attempt)
        self._fence.check()
        self._states = StateFiles(layout, attempt)
        self._log = ReplayedLog(layout.events)
        self._spool = Spool(layout.keyframes, options.keyframes.cache_mib * 2**20)
        self._desk = AnnotationQueue(layout, self._log, self._spool, options)
        self._damage_inside = DamageInside()
        self._dropped_inside = DamageInside()
        self._overload = OverloadAggregator()
        self._seen: list[_Seen] = []
        """Keyframes of the segments that are still open."""
        self._windows = self._segments = self._anomalous = 0
        self._row_shapes: list[list[int]] = []
        """Of the arrays, in their order."""
        self._checkpoint_at_s = CHECKPOINT_S
        self._chain_end: End | None = None
        self._began_at = time.monotonic()

    def on_item(self, item: Item) -> Iterator[Item]:
        """Take an item of the chain, or what came back from the annotator; ``on_notify`` returns the orders."""
        self._fence.check()
        match item:
            case Keyframe():
                self._keyframe(item)
            case Embedding():
                self._windows += 1
                self._row_shapes = [list(item.mean.shape), list(item.temporal.shape), []]
            case SourceDamaged():
                self._damage_inside.add(item.t_start_s, item.t_end_s)
                self._log.append(item)
            case SourceLost() | SourceGap() | StreamOverload():
                self._of_live_source(item)
            case SegmentOpened():
                self._log.append(item)
            case SegmentClosed():
                self._closed(item)
            case AnnotationAnswer() | AnnotationFailure() | WorkerReady() | AnnotatorAway() | WorkerExited():
                self._of_annotator(item)
            case Barrier():
                self._barrier(item)
            case End(reason="end_of_stream"):
                self._ended(item)
            case _:
                pass
        return iter(())

    def notify_at(self) -> float | None:
        """At once, where the annotator may be sent an order."""
        return -math.inf if self._desk.is_due else None

    def on_notify(self, now_s: float) -> Iterator[Item]:  # noqa: ARG002 - orders are due at once
        """Return orders for the annotator."""
        return self._desk.due()

    def ready(self) -> bool:
        """Whether the chain may go on: not while the spool is full of what the annotator has yet to see."""
        return self._desk.ready

    def facts(self) -> Facts:
        return {"annotator": {"answers_refused": self._desk.refused}} if self._has_annotator else {}

    def gauges(self) -> Gauges:
        """Closed segments without an outcome, and bytes of keyframes on disk."""
        return {"waiting_segments": self._desk.open_segments, "spool_bytes": self._spool.size_bytes}

    def close(self) -> None:
        """Close the files."""
        self._desk.close_files()
        self._log.close()

    def snapshot(self) -> State:
        return {
            "told": self._log.told,
            "damage_inside": self._damage_inside.snapshot(),
            "seen": [[seen.name_ms, seen.sha256, list(seen.size)] for seen in self._seen],
            "windows": self._windows,
            "row_shapes": self._row_shapes,
            "segments": self._segments,
            "anomalous": self._anomalous,
            "checkpoint_at_s": self._checkpoint_at_s,
            "wall_s": self._wall_s(),
        }

    def restore(self, state: State) -> None:
        self._log.skip(take(state, "told", int))
        self._damage_inside.restore(take(state, "damage_inside", dict))
        self._seen = [_Seen(name_ms, sha256, (size[0], size[1])) for name_ms, sha256, size in take(state, "seen", list)]
        self._spool.keep_named(seen.name_ms for seen in self._seen)
        self._windows, self._segments = take(state, "windows", int), take(state, "segments", int)
        self._anomalous = take(state, "anomalous", int)
        self._row_shapes = take(state, "row_shapes", list)
        self._checkpoint_at_s = take(state, "checkpoint_at_s", float)
        self._began_at -= take(state, "wall_s", float)

    def catch_up(self, recorded: Sequence[Fact]) -> None:
        """After ``restore``: what was recorded stays; only keyframes of segments that are still open count."""
        self._log.skip_all()
        closed = [event for event in recorded if isinstance(event, events.SegmentClosed)]
        self._segments += len(closed)
        self._anomalous += sum(event.kind == "anomalous" for event in closed)
        end_s = max((event.t_end_s for event in closed), default=0.0)
        self._seen = [seen for seen in self._seen if seen.name_ms >= in_ms(end_s)]

    def _wall_s(self) -> float:
        """Since the run began, without the time in which none of it was there."""
        return time.monotonic() - self._began_at

    def _keyframe(self, item: Keyframe) -> None:
        self._spool.add(item.t_s, item.jpeg)
        self._seen.append(_Seen(in_ms(item.t_s), sha256(item.jpeg).hexdigest(), (item.width, item.height)))

    def _barrier(self, barrier: Barrier) -> None:
        self._tell_overload(barrier.t_s)
        is_checkpoint = barrier.t_s >= self._checkpoint_at_s
        if is_checkpoint:
            self._checkpoint(barrier.t_s)
        totals = Totals(self._windows, self._row_shapes, self._log.told, self._wall_s())
        states = {**unpack(barrier.states), self.name: self.snapshot()}
        self._states.write(barrier.t_s, totals, states, durably=is_checkpoint)

    def _of_live_source(self, item: SourceLost | SourceGap | StreamOverload) -> None:
        match item:
            case SourceLost() | SourceGap():
                self._log.append(item)
            case StreamOverload():
                if item.packets_dropped:
                    self._dropped_inside.add(item.t_start_s, item.t_end_s)
                self._overload.add(item)
                self._tell_overload(item.t_end_s)

    def _tell_overload(self, t_s: float) -> None:
        if (told := self._overload.due(t_s)) is not None:
            self._log.append(told)

    def _checkpoint(self, t_s: float) -> None:
        self._sync()
        self._log.append(events.Checkpoint(t_s=t_s, windows=self._windows, segments=self._segments))
        self._checkpoint_at_s = (t_s // CHECKPOINT_S + 1) * CHECKPOINT_S

    def _sync(self) -> None:
        for path in self._layout.arrays:
            sync_file(path)
        self._spool.sync()

    def _closed(self, item: SegmentClosed) -> None:
        inside = [seen for seen in self._seen if seen.name_ms < in_ms(item.t_end_s)]
        self._seen = self._seen[len(inside) :]
        sizes = {seen.size for seen in inside}
        width, height = sizes.pop() if len(sizes) == 1 else (0, 0)
        self._segments += 1
        self._anomalous += item.kind == "anomalous"
        closed = replace(
            item,
            damaged_s=self._damage_inside.close(item.t_start_s, item.t_end_s),
            dropped_s=self._dropped_inside.close(item.t_start_s, item.t_end_s),
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
        if self._has_annotator and not self._desk.is_given_up and self._chain_end is None:
            self._chain_end = end
            self._desk.end(end)
        else:
            self._desk.give_up(NO_ANSWER)
            self._finish(end)

    def _of_annotator(self, news: Said | WorkerReady | AnnotatorAway | WorkerExited) -> None:
        """When it has died its place is taken by another one, or by nobody: then the chain's end is the run's."""
        match news:
            case AnnotationAnswer() | AnnotationFailure():
                self._desk.take(news)
            case WorkerReady():
                self._desk.is_there()
            case AnnotatorAway():
                self._desk.away(news.reason)
            case WorkerExited(restarts=True):
                self._log.append(events.StageRestarted(process=news.process, reason=news.reason))
                self._desk.died(news.reason)
            case WorkerExited():
                self._desk.give_up(news.reason)
                if self._chain_end is not None:
                    self._finish(self._chain_end)

    def _finish(self, end: End) -> None:
        self._tell_overload(math.inf)
        books = account(read_events(self._layout.events))
        if books.unsettled or abs(to_us(books.total_s) - to_us(end.decoded_s)) > 1000:
            raise EgocleanError(
                f"the books do not close: {end.decoded_s} s decoded, {books.seconds} accounted for, "
                f"segments without an outcome: {books.unsettled}"
            )
        self._sync()
        self._log.append(
            events.RunFinished(
                decoded_s=end.decoded_s - books.seconds["gap_s"] - books.seconds["dropped_s"],
                **books.seconds,
                windows_skipped=books.windows_skipped,
                frames=end.frames,
                packets_lost=end.packets_lost,
                windows=self._windows,
                segments=self._segments,
                anomalous=self._anomalous,
                annotation=books.annotation,
                wall_s=round(self._wall_s(), 3),
                exit_code=4 if books.incomplete or end.packets_lost else 0,
            )
        )
