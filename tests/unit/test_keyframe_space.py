"""Keyframes wait for their description in bounded space, and leave it with their description."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationFailure, AnnotationRequest, AnnotationResponse
from stream.annotation.raw_responses import read_responses
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import AnnotationTask
from stream.records.schema import events
from stream.records.schema.events import CACHE_FULL
from stream.records.schema.layout import RunLayout
from tests.support.annotated import SECONDS, clip, events_of, of_kind, options, play, recording, segment
from tests.support.fake_annotators import FakeAnnotator, answer_to


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """An empty run directory."""
    return RunLayout(tmp_path, "clip")


def test_keyframes_leave_the_spool_with_their_description(layout: RunLayout) -> None:
    """Keyframes are removed when their segment is described, and kept when it has failed."""

    def fails(batch: Sequence[AnnotationRequest]) -> list[AnnotationResponse]:
        return [answer_to(each, "no JSON" if each.segment_id == "s0001" else None) for each in batch]

    play(layout, options(), FakeAnnotator(fails), clip(3))
    assert sorted(path.stem for path in layout.keyframes.iterdir()) == [
        f"{second * 1000:010d}" for second in range(5, 10)
    ]
    (failed,) = of_kind(layout, events.SegmentFailed)
    assert "not JSON" in failed.reason
    assert failed.tokens_in == 1000
    *_, last = events_of(layout)
    assert isinstance(last, events.RunFinished)
    assert (last.failed_s, last.annotated_s, last.exit_code) == (5.0, 10.0, 4)
    assert [answer.raw for answer in read_responses(layout.raw_responses) if answer.segment_id == "s0001"] == [
        "no JSON"
    ]


def small_cache(policy: str, **options: object) -> dict[str, object]:
    """Room for about 10 of the fake keyframes beside one of the largest possible."""
    return {"keyframes.on_cache_full": policy, "keyframes.cache_mib": 1, "keyframes.px": 1018, **options}


def test_full_cache_holds_up_the_chain_until_answers_come(layout: RunLayout) -> None:
    """With ``block`` the chain waits while the keyframe cache is full, and continues with each answer."""
    with recording(layout, options(small_cache("block"))) as record:
        numbers = iter(range(100))
        while record.ready():
            for item in segment(next(numbers)):
                list(record.on_item(item))
            orders = list(record.on_notify(0.0))
        (order,) = orders
        assert isinstance(order, AnnotationTask)
        size_bytes = sum(path.stat().st_size for path in layout.keyframes.iterdir())
        assert size_bytes + 1018**2 > 2**20
        for closed in [*of_kind(layout, events.SegmentClosed)][:2]:
            list(record.on_item(AnnotationFailure(closed.segment_id, closed.frames_digest, "no")))
        assert record.ready()
        assert not of_kind(layout, events.SegmentSkipped)


@pytest.mark.slow
def test_full_cache_skips_segments_on_request(layout: RunLayout) -> None:
    """With ``skip`` the chain never waits: a segment whose keyframes found no room is skipped, and says so."""
    with recording(layout, options({"keyframes.on_cache_full": "skip", "keyframes.cache_mib": 1})) as record:
        for number in range(215):
            assert record.ready()
            for item in segment(number):
                list(record.on_item(item))
            list(record.on_notify(0.0))
        assert sum(path.stat().st_size for path in layout.keyframes.iterdir()) <= 2**20
    reasons = [
        event.reason for event in of_kind(layout, events.SegmentSkipped) if isinstance(event, events.SegmentSkipped)
    ]
    assert reasons == [CACHE_FULL] * (215 - 2**20 // (SECONDS * 1000))


def test_segment_larger_than_the_spool_does_not_wait_for_ever(layout: RunLayout) -> None:
    """A segment whose own keyframes fill the keyframe cache is skipped: no answer could make room for it."""
    from stream.pipeline.items import Keyframe

    with recording(layout, options({"keyframes.cache_mib": 1})) as record:
        for second in range(12):
            assert record.ready()
            list(record.on_item(Keyframe(float(second), 64, 36, bytes([second]) * 100_000)))
        long = SegmentClosed("s0000", 0.0, 12.0, "typical", "max_duration", 12.0, 0)
        list(record.on_item(long))
        assert list(record.on_notify(0.0)) == []
    (skipped,) = of_kind(layout, events.SegmentSkipped)
    assert skipped.reason == CACHE_FULL
