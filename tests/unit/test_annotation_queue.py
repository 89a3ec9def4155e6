"""The annotation queue alone: after any events, every segment has exactly one outcome."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.annotators.annotator import AnnotationFailure
from stream.annotation.queue import AnnotationQueue
from stream.annotation.queue_messages import (
    ChannelReady,
    Finish,
    RecordResponse,
    RecordRestart,
    RecordSkip,
    ReleaseKeyframes,
    SegmentSelected,
    Send,
)
from stream.pipeline.items import WorkerExited, WorkerReady
from stream.records.schema.events import SegmentSkipped
from tests.support.properties import examples
from tests.support.queue_environment import DIED_TWICE, END, EXITED, Environment, closed, task

OFTEN = [Environment.close, Environment.channel, Environment.channel, Environment.report]
SOMETIMES = [Environment.respond, Environment.ready, Environment.exit, Environment.end, Environment.unavailable]
SELDOM = [Environment.close_again, Environment.replay, Environment.exit_for_good]
STEPS = [*OFTEN * 4, *SOMETIMES * 2, *SELDOM]


@pytest.mark.slow
@examples(300)
@given(
    st.lists(st.sampled_from(STEPS), min_size=20, max_size=150),
    st.randoms(use_true_random=False),
    st.integers(0, 20),
    st.sampled_from([True] * 9 + [False]),
    st.booleans(),
)
def test_every_segment_settles_once_after_any_events(
    steps: list[Callable[[Environment], None]],
    random: Random,
    segments_max: int,
    has_annotator: bool,  # noqa: FBT001
    tolerates: bool,  # noqa: FBT001
) -> None:
    """After any events in any order every segment has one outcome, its keyframes went once, and the run finishes."""
    environment = Environment(random, segments_max, has_annotator=has_annotator, tolerates=tolerates)
    for step in steps:
        step(environment)
    environment.complete()


def test_a_run_without_an_annotator_finishes_with_the_chain() -> None:
    """Nothing is sent, and the end of the chain is the end of the run."""
    queue = AnnotationQueue(has_annotator=False)
    skip = SegmentSkipped(segment_id="s0000", reason="annotator: none")
    assert queue.handle(SegmentSelected(task("s0000"), skip)) == [
        RecordSkip(skip),
        ReleaseKeyframes(closed("s0000")),
    ]
    assert queue.handle(END) == [Finish(END)]


@pytest.mark.parametrize("exits", [1, 2])
def test_only_the_segment_over_which_it_exits_twice_alone_fails(exits: int) -> None:
    """After one exit both are sent again, one at a time; after a second one the first of them has failed."""
    queue = AnnotationQueue()
    queue.handle(WorkerReady("annotate"))
    for segment_id in ("s0000", "s0001"):
        queue.handle(SegmentSelected(task(segment_id)))
        assert queue.handle(ChannelReady()) == [Send(task(segment_id))]
    for _ in range(exits):
        last = queue.handle(WorkerExited("annotate", EXITED, restarts=True))
        queue.handle(WorkerReady("annotate"))
        if len(last) == 1:
            assert queue.handle(ChannelReady()) == [Send(task("s0000"))]
            assert queue.handle(ChannelReady()) == []
    failed = RecordResponse(closed("s0000"), AnnotationFailure("s0000", "digest of s0000", DIED_TWICE))
    assert last == [RecordRestart("annotate", EXITED), *([failed] if exits > 1 else [])]


def test_an_annotator_that_restarts_after_the_end_gets_the_end_again() -> None:
    """Its first process took the end and died: without a second end, none would return, and the run would wait."""
    queue = AnnotationQueue()
    queue.handle(END)
    queue.handle(WorkerReady("annotate"))
    assert queue.handle(ChannelReady()) == [Send(END)]
    assert queue.handle(ChannelReady()) == []
    assert queue.handle(WorkerExited("annotate", EXITED, restarts=True)) == [RecordRestart("annotate", EXITED)]
    assert queue.handle(ChannelReady()) == []
    queue.handle(WorkerReady("annotate"))
    assert queue.handle(ChannelReady()) == [Send(END)]
    assert queue.handle(END) == [Finish(END)]
