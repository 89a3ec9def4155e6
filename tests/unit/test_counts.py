"""How much a run has found: pieces of one stretch count once, the last outcome counts, and sums are exact."""

from collections.abc import Iterator

import pytest

from stream.pipeline.facts import SegmentClosed
from stream.records.counts import RunCounts, counts_of
from stream.records.schema.events import Event, RunFailed, RunFinished, SegmentAnnotated, SegmentFailed, SegmentSkipped
from stream.ui.counts import counts_text
from stream.ui.text import describe


def closed(kinds: str, closed_by: str) -> Iterator[SegmentClosed]:
    """Segments of 10 s, by the first letters of their kinds, and of what closed them: change, maximum or loss."""
    names = {"t": "typical", "a": "anomalous", "u": "unknown"}
    ends = {"c": "state_change", "m": "max_duration", "l": "source_lost"}
    for place, (kind, end) in enumerate(zip(kinds, closed_by, strict=True)):
        yield SegmentClosed(
            segment_id=f"s{place:04}", t_start_s=10.0 * place, t_end_s=10.0 * place + 10, kind=names[kind],  # type: ignore[arg-type]
            closed_by=ends[end], detected_at_s=0.0, windows=10, score_mean=None, score_max=None, theta_on=None,  # type: ignore[arg-type]
            theta_off=None, period_s=None, cycles=None, damaged_s=0.1, keyframes=0, frames_digest="",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "closed_by", "stretches", "anomalous"),
    [
        ("tat", "ccc", 3, 1),
        ("tttaaa", "mmcmmc", 2, 1),
        ("aa", "lc", 2, 2),
        ("taa", "mmc", 2, 1),
        ("uut", "mmc", 2, 0),
        ("", "", 0, 0),
    ],
)
def test_pieces_of_one_stretch_count_once(kinds: str, closed_by: str, stretches: int, anomalous: int) -> None:
    """Only those that the longest duration cut, not those between which the source was lost."""
    counts = counts_of(closed(kinds, closed_by))
    assert (counts.segments, counts.stretches, counts.anomalous) == (len(kinds), stretches, anomalous)
    assert counts.anomalous_segments == kinds.count("a")


def test_the_last_outcome_counts_and_sums_are_exact() -> None:
    events: list[Event] = [
        *closed("tat", "ccc"),
        SegmentFailed(segment_id="s0000", reason="no answer"),
        SegmentSkipped(segment_id="s0001", reason="annotator: none"),
        SegmentFailed(segment_id="s0002", reason="no answer"),
        SegmentAnnotated(segment_id="s0000", actions=3),
    ]
    counts = counts_of(events)
    assert (counts.described, counts.failed, counts.skipped, counts.actions) == (1, 1, 1, 3)
    assert (counts.decoded_s, counts.anomalous_s, counts.damaged_s) == (30.0, 10.0, 0.3)
    assert (counts + counts + RunCounts()).damaged_s == 0.6


def test_an_action_through_several_segments_counts_once() -> None:
    """Where the number of actions is known; their outcomes count it in each of its segments."""
    events: list[Event] = [
        *closed("tt", "mc"),
        SegmentAnnotated(segment_id="s0000", actions=2),
        SegmentAnnotated(segment_id="s0001", actions=1),
    ]
    assert (counts_of(events, 2).actions, counts_of(events, 0).actions, counts_of(events).actions) == (2, 0, 3)


def test_a_run_that_stopped_has_decoded_more_than_its_segments() -> None:
    """Its open segment counts as decoded; when it has been resumed, what was closed since counts."""
    failed = RunFailed(reason="stopped by SIGINT", exit_code=130, decoded_s=24.5)
    assert counts_of([*closed("ta", "cc"), failed]).decoded_s == 24.5
    assert counts_of([failed, *closed("tat", "ccc")]).decoded_s == 30.0


@pytest.mark.parametrize(
    ("kinds", "closed_by", "text"),
    [
        ("t", "c", "0:00:10.0 of video; 1 segment, 0 anomalous"),
        ("tat", "ccc", "0:00:30.0 of video; 3 segments, 1 anomalous"),
        ("tttaaa", "mmcmmc", "0:01:00.0 of video; 2 stretches (6 segments), 1 anomalous"),
        ("aa", "mc", "0:00:20.0 of video; 1 stretch (2 segments), 1 anomalous"),
    ],
)
def test_what_was_found_in_words(kinds: str, closed_by: str, text: str) -> None:
    assert counts_text(counts_of(closed(kinds, closed_by))) == text


def finished(segments: int, anomalous: int, *stretches: int) -> RunFinished:
    return RunFinished(
        decoded_s=60.0, annotated_s=0.0, skipped_s=60.0, failed_s=0.0, damaged_s=0.0, frames=1, packets_lost=0,
        windows=1, wall_s=30.0, exit_code=0, segments=segments, anomalous=anomalous,
        stretches=stretches[0] if stretches else None, anomalous_stretches=stretches[1] if stretches else None,
    )  # fmt: skip


def test_the_end_of_a_run_counts_alike() -> None:
    """An event of an earlier version has no stretches."""
    new = finished(6, 3, 2, 1)
    assert str(describe(new)).endswith(", 2 stretches (6 segments), 1 anomalous")
    assert str(describe(finished(6, 3))).endswith(", 6 segments, 3 anomalous")
