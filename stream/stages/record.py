"""The end of the chain: everything that is known becomes durable, then it is announced."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from stream.annotation.executor import AnnotationExecutor
from stream.config import Options
from stream.errors import EgocleanError
from stream.pipeline.facts import (
    Fact,
    SegmentClosed,
    SegmentOpened,
    SourceDamaged,
    SourceGap,
    SourceLost,
    StreamOverload,
)
from stream.pipeline.items import (
    AnnotatorUnavailable,
    Barrier,
    Embedding,
    End,
    Item,
    Keyframe,
    WorkerExited,
    WorkerReady,
)
from stream.pipeline.stage import Gauges, Stage, StageFacts, State
from stream.pipeline.state import take, with_state
from stream.records.accounting import account, to_us
from stream.records.counts import counts_of
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import AttemptGuard
from stream.records.store.event_log import ResumableLog, read_events
from stream.records.store.keyframes import KeyframeCache
from stream.stages.checkpoints import Checkpoints
from stream.stages.open_keyframes import OpenKeyframes
from stream.stages.overload import OverloadAggregator
from stream.stages.run_totals import RunTotals

_ACCOUNTING_ERROR_MAX_US: Final = 1000


class Record(Stage):
    """The one writer of a run's events, keyframes, annotations and states.

    A barrier makes everything before it safe from the death of any process; every ``CHECKPOINT_S`` one is a checkpoint,
    which is safe from a power cut, too. What a resumed chain repeats after its barrier is found on disk. Closed
    segments and everything that comes from the annotator go to the annotation queue, whose state is the disk.
    """

    name = "record"

    def __init__(self, layout: RunLayout, options: Options, attempt: int = 0) -> None:
        self._layout = layout
        self._guard = AttemptGuard(layout, attempt)
        self._guard.check()
        self._log = ResumableLog(layout.events)
        self._cache = KeyframeCache(layout.keyframes, options.keyframes.cache_mib * 2**20)
        self._keyframes = OpenKeyframes(self._cache)
        self._checkpoints = Checkpoints(layout, attempt, self._cache)
        self._totals = RunTotals()
        self._sampling = options.sampling
        self._warmup_s = options.detector.warmup_s
        self._overload = OverloadAggregator()
        self._annotation = AnnotationExecutor(layout, self._log, self._cache, options, on_finish=self._finish)

    def on_item(self, item: Item) -> Iterator[Item]:
        """Take an item of the chain, or one that comes from the annotator; ``on_notify`` returns what goes to it."""
        self._guard.check()
        match item:
            case Keyframe():
                self._keyframes.add(item)
            case Embedding():
                self._totals.add_window(item)
            case SegmentClosed():
                self._close_segment(item)
            case SegmentOpened() | SourceLost() | SourceGap() | SourceDamaged() | StreamOverload():
                self._record(item)
            case AnnotationAnswer() | AnnotationFailure() | WorkerReady() | WorkerExited() | AnnotatorUnavailable():
                self._annotation.handle(item)
            case End(reason="end_of_stream"):
                self._annotation.handle(item)
            case Barrier():
                self._write_states(item)
            case _:
                pass
        return iter(())

    def notify_at(self) -> float | None:
        """At once, if there is a message for the annotator."""
        return -math.inf if self._annotation.has_message else None

    def on_notify(self, now_s: float) -> Iterator[Item]:  # noqa: ARG002 - messages are due at once
        """Return messages for the annotator."""
        return self._annotation.messages()

    def ready(self) -> bool:
        """Whether the chain may continue: not while waiting keyframes fill the keyframe cache."""
        return self._annotation.has_room

    def facts(self) -> StageFacts:
        return self._annotation.facts()

    def gauges(self) -> Gauges:
        """Closed segments without an outcome, and bytes of keyframes on disk."""
        return {"waiting_segments": self._annotation.open_segments, "spool_bytes": self._cache.size_bytes}

    def close(self) -> None:
        """Close the files."""
        self._annotation.close()
        self._log.close()

    def snapshot(self) -> State:
        return {
            "events": self._log.chain_events,
            "keyframes": self._keyframes.snapshot(),
            "checkpoints": self._checkpoints.snapshot(),
            "totals": self._totals.snapshot(),
        }

    def restore(self, state: State) -> None:
        self._log.skip(take(state, "events", int))
        self._keyframes.restore(take(state, "keyframes", dict))
        self._checkpoints.restore(take(state, "checkpoints", dict))
        self._totals.restore(take(state, "totals", dict))

    def catch_up(self, recorded: Sequence[Fact]) -> None:
        """After ``restore``: what was recorded stays; only keyframes of segments that are still open count."""
        self._log.skip_all()
        closed = [event for event in recorded if isinstance(event, SegmentClosed)]
        for segment in closed:
            self._totals.count_segment(segment)
        self._keyframes.forget_before(max((segment.t_end_s for segment in closed), default=0.0))

    def _record(self, fact: SegmentOpened | SourceLost | SourceGap | SourceDamaged | StreamOverload) -> None:
        match fact:
            case StreamOverload():
                self._totals.add_overload(fact)
                self._overload.add(fact)
                self._record_overload(fact.t_end_s)
                return
            case SourceDamaged():
                self._totals.add_damage(fact)
        self._log.append(fact)

    def _record_overload(self, t_s: float) -> None:
        if (overload := self._overload.due(t_s)) is not None:
            self._log.append(overload)

    def _close_segment(self, segment: SegmentClosed) -> None:
        damaged_s, dropped_s = self._totals.close_segment(segment)
        keyframes = self._keyframes.close_segment(segment.t_end_s)
        segment = replace(
            segment,
            damaged_s=damaged_s,
            dropped_s=dropped_s,
            keyframes=keyframes.count,
            keyframe_width_px=keyframes.width_px,
            keyframe_height_px=keyframes.height_px,
            frames_digest=keyframes.digest,
        )
        self._checkpoints.sync()
        self._log.append(segment)
        self._annotation.close_segment(segment)

    def _write_states(self, barrier: Barrier) -> None:
        self._record_overload(barrier.t_s)
        is_checkpoint = self._checkpoints.is_due(barrier.t_s)
        if is_checkpoint:
            self._checkpoints.sync()
            totals = self._totals
            self._log.append(events.Checkpoint(t_s=barrier.t_s, windows=totals.windows, segments=totals.segments))
            self._checkpoints.note(barrier.t_s)
        states = with_state(barrier.states, self.name, self.snapshot())
        at_barrier = self._totals.at_barrier(self._log.chain_events)
        self._checkpoints.write(barrier.t_s, at_barrier, states, durably=is_checkpoint)

    def _finish(self, end: End) -> None:
        self._record_overload(math.inf)
        accounting = account(read_events(self._layout.events))
        error_us = abs(to_us(accounting.total_s) - to_us(end.decoded_s))
        if accounting.unsettled or error_us > _ACCOUNTING_ERROR_MAX_US:
            raise EgocleanError(
                f"the accounting does not add up: {end.decoded_s} s decoded, outcomes {accounting.seconds}, "
                f"segments without an outcome: {accounting.unsettled}"
            )
        counts = counts_of(read_events(self._layout.events))
        self._checkpoints.sync()
        self._log.append(
            events.RunFinished(
                decoded_s=end.decoded_s - accounting.seconds["gap_s"] - accounting.seconds["dropped_s"],
                **accounting.seconds,
                windows_skipped=accounting.windows_skipped,
                frames=end.frames,
                packets_lost=end.packets_lost,
                windows=self._totals.windows,
                segments=self._totals.segments,
                anomalous=self._totals.anomalous,
                stretches=counts.stretches,
                anomalous_stretches=counts.anomalous,
                idle_s=self._totals.idle_s,
                judged_from_s=self._totals.judged_from_s,
                warmup_s=self._warmup_s,
                annotation=accounting.annotation,
                wall_s=round(self._totals.wall_s, 3),
                exit_code=accounting.exit_code(
                    end.packets_lost, lacks_windows=self._sampling.lacks_windows(self._totals.windows, end.decoded_s)
                ),
            )
        )
