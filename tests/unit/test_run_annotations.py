"""Which annotations a log has, which one is the default, and what of the log belongs to each."""

import pytest

from stream.errors import InputError
from stream.pipeline.facts import SegmentClosed
from stream.records.run_annotations import (
    AnnotationFilter,
    annotations_in,
    chosen_in,
    default_in,
    events_of,
    filter_for,
    free_name,
    is_name,
    name_for,
)
from stream.records.schema import events

CLOSED = SegmentClosed("s0000", 0.0, 2.0, "typical", "end_of_stream", 2.0, windows=1)


def described(name: str = "", annotator: str = "openai first") -> events.SegmentAnnotated:
    return events.SegmentAnnotated(annotation_name=name, segment_id="s0000", annotator=annotator, actions=1)


def started(name: str) -> events.AnnotationStarted:
    return events.AnnotationStarted(annotation_name=name, annotator=f"openai {name}", options={})


def finished(name: str = "") -> events.RunFinished:
    return events.RunFinished(
        annotation_name=name, decoded_s=2, annotated_s=2, skipped_s=0, failed_s=0, damaged_s=0, frames=60,
        packets_lost=0, windows=1, segments=1, anomalous=0, wall_s=1, exit_code=0,
    )  # fmt: skip


FIRST: list[events.Event] = [CLOSED, described(), finished()]
TWO: list[events.Event] = [*FIRST, started("b"), described("b"), finished("b")]
GROWING: list[events.Event] = [*TWO, started("c"), described("c")]


def test_they_are_found_in_the_order_in_which_they_began() -> None:
    """The default is the one that the last end names; one without an end is not complete."""
    found = [(each.name, each.recorded_name, each.is_default, each.is_complete) for each in annotations_in(GROWING)]
    assert found == [("first", "", False, True), ("b", "b", True, True), ("c", "c", False, False)]
    assert [default_in(log) for log in ([], FIRST, TWO, GROWING, [*TWO, finished()])] == ["", "", "b", "b", ""]


def test_a_run_without_words_has_none() -> None:
    """A segment that was skipped is no description, and the run's end alone begins none."""
    log: list[events.Event] = [CLOSED, events.SegmentSkipped(segment_id="s0000", reason="annotator: none"), finished()]
    assert annotations_in(log) == []
    assert [each.name for each in annotations_in([*log, started("b")])] == ["b"]


def test_the_first_ones_name_is_that_of_its_model_or_the_next_that_is_free() -> None:
    log: list[events.Event] = [CLOSED, described(annotator="openai b"), finished(), started("b")]
    assert [(each.name, each.recorded_name) for each in annotations_in(log)] == [("b-2", ""), ("b", "b")]


def test_the_log_of_each_is_that_of_a_run_with_one() -> None:
    """What belongs to none stays; one that is not complete keeps the ends of the others, since the run has ended."""
    assert events_of(GROWING, "") == FIRST
    assert events_of(GROWING, "b") == [CLOSED, started("b"), described("b"), finished("b")]
    assert events_of(GROWING, "c") == [CLOSED, finished(), finished("b"), started("c"), described("c")]


def test_one_is_chosen_by_its_name() -> None:
    assert [chosen_in(GROWING, name, "runs/x") for name in (None, "first", "b", "c")] == ["b", "", "b", "c"]
    with pytest.raises(InputError, match=r"^runs/x has no annotation 'd': it has first, b, c$"):
        chosen_in(GROWING, "d", "runs/x")
    with pytest.raises(InputError, match=r"^runs/x has no annotation 'd': it has none$"):
        chosen_in([CLOSED], "d", "runs/x")


def test_what_was_replaced_is_hidden_unless_it_is_named() -> None:
    """What grows beside the default is shown, and whatever begins later."""
    usual, named = filter_for(GROWING, None, "x"), filter_for(GROWING, "first", "x")
    later = [*GROWING, started("d")]
    assert [event for event in later if not usual.passes(event)] == [described(), finished()]
    assert [event for event in later if named.passes(event)] == FIRST
    assert filter_for([CLOSED], "first", "x").passes(described())
    assert all(map(AnnotationFilter().passes, later))
    with pytest.raises(InputError, match="has no annotation 'd'"):
        filter_for(TWO, "d", "x")


@pytest.mark.parametrize(
    ("annotator", "name"),
    [
        ("qwen Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL-7B-Instruct"),
        ("openai gpt-4o", "gpt-4o"),
        ("fake", "fake"),
        ("openai a model: v2!", "a-model-v2"),
        ("openai ...", "annotation"),
        ("openai " + "x" * 100, "x" * 60),
    ],
)
def test_a_name_follows_from_the_model(annotator: str, name: str) -> None:
    assert name_for(annotator) == name
    assert is_name(name)


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert [free_name("a", taken) for taken in ((), ("b",), ("a",), ("a", "a-2"))] == ["a", "a", "a-2", "a-3"]
    assert not any(map(is_name, ("", ".a", "-a", "a/b", "a b", "ä", "x" * 65)))
