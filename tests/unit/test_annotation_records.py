"""The annotator's responses are recorded once, in order of durability, and for their own segment only."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from models.annotators.annotator import AnnotationFailure, AnnotationRequest, AnnotationResponse
from models.annotators.table import name_of
from stream.annotation.queue import OUTSTANDING_MAX
from stream.annotation.raw_responses import read_responses
from stream.pipeline.items import AnnotationTask
from stream.records.schema import events
from stream.records.schema.annotations import read_annotations
from stream.records.schema.events import NO_RESPONSE, ONLY_ANOMALOUS
from stream.records.schema.generate import schemas
from stream.records.schema.layout import RunLayout
from stream.stages.annotate import Annotate
from tests.support.annotated import SECONDS, clip, end, events_of, exchange, of_kind, options, play, recording, segment
from tests.support.fake_annotators import FakeAnnotator, answer_to, words_for


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """An empty run directory."""
    return RunLayout(tmp_path, "clip")


def finish(layout: RunLayout) -> events.RunFinished:
    """The run's last word."""
    last = events_of(layout)[-1]
    assert isinstance(last, events.RunFinished)
    return last


def subtasks(layout: RunLayout) -> dict[str, str]:
    """What is said of each segment."""
    return {action.segment_id: action.ecot.subtask for action in read_annotations(layout.annotations) if action.ecot}


def test_every_segment_is_described_on_its_own_times(layout: RunLayout) -> None:
    """Actions lie in stream time inside their segment, in order and numbered, for any order of the answers."""
    backwards = FakeAnnotator(lambda batch: [answer_to(request) for request in reversed(batch)], batch_max=3)
    play(layout, options({"annotator.max_wait_s": 86_400.0}), backwards, clip(7))
    actions = read_annotations(layout.annotations)
    assert [(action.action_id, action.t_start_s, action.t_end_s, action.active) for action in actions[:4]] == [
        (1, 0.0, 2.5, True),
        (2, 2.5, 5.0, False),
        (3, 5.0, 7.5, True),
        (4, 7.5, 10.0, False),
    ]
    assert [action.action_id for action in actions] == list(range(1, 15))
    assert subtasks(layout) == {f"s{number:04}": f"work on s{number:04}" for number in range(7)}
    assert [len(batch) for batch in backwards.requests] == [3, 3, 1]
    jsonschema.Draft202012Validator(schemas()["annotations"]).validate(json.loads(layout.annotations.read_text()))


def test_what_it_took_is_on_record(layout: RunLayout) -> None:
    """Each description has its tokens, seconds and dollars, and the last event their sums; the accounting closes."""
    play(layout, options({"machine.price_per_hour": 1.8}), FakeAnnotator(), clip(3))
    first = of_kind(layout, events.SegmentAnnotated)[0]
    assert (first.tokens_in, first.tokens_out, first.seconds, first.dollars) == (1000, 100, 2.0, 0.001)
    assert (first.subtasks, first.objects, first.frames) == (("work on s0000",), ("screwdriver",), SECONDS)
    last = finish(layout)
    assert last.annotation == events.Annotation(tokens_in=3000, tokens_out=300, seconds=6.0, dollars=0.003)
    assert (last.annotated_s, last.decoded_s, last.exit_code) == (15.0, 15.0, 0)
    validator = jsonschema.Draft202012Validator(schemas()["events"])
    for line in layout.events.read_text().splitlines():
        validator.validate(json.loads(line))


@pytest.mark.parametrize(
    ("prices", "dollars"),
    [
        ({"machine.price_per_hour": 1.8}, 0.001),
        ({"machine.price_per_hour": 1.8, "annotator.url": "http://localhost:8000/v1"}, 0.001),
        ({"machine.price_per_hour": 1.8, "annotator.url": "http://[::1]:8000/v1"}, 0.001),
        ({"machine.price_per_hour": 7.2, "annotator.url": "http://localhost/v1", "resolved.runs_at_once": 4}, 0.001),
        ({"machine.price_per_hour": 1.8, "resolved.runs_at_once": 4}, 0.001),
        ({"machine.price_per_hour": 1.8, "annotator.url": "https://api.example.com/v1"}, None),
        ({"machine.price_per_hour": 1.8, "annotator.url": "http://10.0.0.7:8000/v1"}, None),
        ({"annotator.price_in": 2.0, "annotator.price_out": 8.0, "annotator.url": "https://a.example/v1"}, 0.0028),
        ({"annotator.price_in": 2.0, "annotator.url": "https://a.example/v1"}, 0.002),
        ({"annotator.price_in": 0.0, "annotator.url": "https://a.example/v1"}, 0.0),
        ({"annotator.price_out": 8.0}, 0.0008),
    ],
)
def test_dollars_are_the_tokens_price_or_the_machines_time(
    layout: RunLayout, prices: dict[str, object], dollars: float | None
) -> None:
    """A price for tokens is what a segment costs, else its time on this machine; of another machine's it is null."""
    play(layout, options(prices), FakeAnnotator(), clip(2))
    assert [event.dollars for event in of_kind(layout, events.SegmentAnnotated)] == [dollars, dollars]
    assert finish(layout).annotation.dollars == (None if dollars is None else pytest.approx(2 * dollars))
    validator = jsonschema.Draft202012Validator(schemas()["events"])
    for line in layout.events.read_text().splitlines():
        validator.validate(json.loads(line))


def cut_off(batch: Sequence[AnnotationRequest]) -> list[AnnotationResponse]:
    """What a server with too low a limit says."""
    return [
        AnnotationFailure(each.segment_id, each.frames_digest, "it was cut off", '{"request":"\ud800', 1234, 56, 2.0)
        for each in batch
    ]


def test_failed_answer_is_recorded_and_paid_for(layout: RunLayout) -> None:
    """What was said instead of an answer lies in the raw responses before the event, which has what it took."""
    play(layout, options({"machine.price_per_hour": 1.8}), FakeAnnotator(cut_off), clip(1))
    (failed,) = of_kind(layout, events.SegmentFailed)
    assert (failed.tokens_in, failed.tokens_out, failed.seconds, failed.dollars) == (1234, 56, 2.0, 0.001)
    (responses,) = read_responses(layout.raw_responses)
    assert responses == AnnotationFailure(
        "s0000", responses.frames_digest, "it was cut off", '{"request":"\\ud800', 1234, 56, 2.0
    )
    assert finish(layout).annotation.tokens_in == 1234


def test_recorded_failure_is_used_again_after_a_kill(layout: RunLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between a failure's raw response and its event, a run resumes without another request."""
    from stream.annotation.outcome import OutcomeWriter

    def cut(*_: object) -> None:
        raise PowerCutError

    first, second = FakeAnnotator(cut_off), FakeAnnotator()
    with monkeypatch.context() as patched:
        patched.setattr(OutcomeWriter, "_record_failed", cut)
        with pytest.raises(PowerCutError):
            play(layout, options(), first, clip(1))
    play(layout, options(), second, clip(1))
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert [event.reason for event in of_kind(layout, events.SegmentFailed)] == ["it was cut off"]
    assert len(list(read_responses(layout.raw_responses))) == 1


def test_events_name_the_model(tmp_path: Path) -> None:
    """The annotator's name has the model's own, not the commit of its folder in the hub's cache, and no path."""
    cached = (
        tmp_path / "models--Qwen--Qwen2.5-VL-7B-Instruct" / "snapshots" / "cc594898137f460bfe9f0759e9844b3ce807cfb5"
    )
    cached.mkdir(parents=True)
    assert name_of("qwen", str(cached)) == "qwen Qwen/Qwen2.5-VL-7B-Instruct"
    assert name_of("qwen", str(tmp_path / "mine")) == "qwen mine"
    assert name_of("openai", "org/model") == "openai org/model"
    assert name_of("openai", "/weights/model.gguf") == "openai model.gguf"


def test_raw_response_is_durable_before_the_event(layout: RunLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the event of a description is written, the raw words and the actions are on disk, whole."""
    from stream.records.store.event_log import EventLog

    seen: list[tuple[int, int]] = []
    append = EventLog.append

    def look(log: EventLog, event: events.Event) -> events.Event:
        if isinstance(event, events.SegmentAnnotated):
            answers = list(read_responses(layout.raw_responses))
            seen.append((len(answers), len(read_annotations(layout.annotations))))
        return append(log, event)

    monkeypatch.setattr(EventLog, "append", look)
    play(layout, options(), FakeAnnotator(), clip(3))
    assert seen == [(1, 2), (2, 4), (3, 6)]


def hostile(batch: Sequence[AnnotationRequest], late: list[AnnotationResponse]) -> list[AnnotationResponse]:
    """Shuffled, doubled, late, missing, of another run, and for other frames; never a word on the wrong segment."""
    answers: list[AnnotationResponse] = [answer_to(request) for request in batch]
    missing = next((responses for responses in answers if responses.segment_id == "s0004"), None)
    wrong = [replace(responses, frames_digest="0" * 64) for responses in answers[:1]]
    foreign = [replace(responses, segment_id="s9999") for responses in answers[:1]]
    swapped = [replace(responses, segment_id="s0004") for responses in answers[1:2]]
    mixed = [
        *[responses for responses in answers if responses is not missing],
        *answers[:2],
        *wrong,
        *foreign,
        *swapped,
        *late,
    ]
    random.Random(len(batch)).shuffle(mixed)
    late[:] = [missing] if missing else []
    return mixed


def test_no_text_on_the_wrong_segment(layout: RunLayout) -> None:
    """Whatever a hostile annotator says, every segment has its own words or a failure with its reason, once."""
    late: list[AnnotationResponse] = []
    play(
        layout,
        options({"annotator.max_wait_s": 86_400.0}),
        FakeAnnotator(lambda batch: hostile(batch, late), batch_max=5),
        clip(9),
    )
    described = {f"s{number:04}": f"work on s{number:04}" for number in range(9) if number != 4}
    assert subtasks(layout) == described
    (failed,) = of_kind(layout, events.SegmentFailed)
    assert (failed.segment_id, failed.reason) == ("s0004", NO_RESPONSE)
    settled = [event.segment_id for event in events_of(layout) if isinstance(event, events.Outcome)]
    assert sorted(settled) == [f"s{number:04}" for number in range(9)]


def test_answer_about_another_segment_is_refused(layout: RunLayout) -> None:
    """An answer under the right name whose words repeat another segment's request has failed."""

    def swapped(batch: Sequence[AnnotationRequest]) -> list[AnnotationResponse]:
        return [answer_to(one, words_for(other)) for one, other in zip(batch, reversed(batch), strict=True)]

    play(layout, options({"annotator.max_wait_s": 86_400.0}), FakeAnnotator(swapped, batch_max=3), clip(3))
    assert subtasks(layout) == {"s0001": "work on s0001"}
    assert ["form: request is '" in event.reason for event in of_kind(layout, events.SegmentFailed)] == [True] * 2


def test_refused_answers_are_counted(layout: RunLayout, caplog: pytest.LogCaptureFixture) -> None:
    """An answer to no open question is refused, counted and told of; it changes nothing on disk."""
    doubled = FakeAnnotator(lambda batch: 2 * [answer_to(request) for request in batch])
    with recording(layout, options()) as record:
        annotate = Annotate(doubled, layout.keyframes, options())
        for item in segment(0):
            list(record.on_item(item))
        exchange(record, annotate)
        files = layout.annotations, layout.raw_responses, layout.events
        before = [path.read_bytes() for path in files]
        list(record.on_item(AnnotationFailure("s0000", "late", "late")))
        assert record.facts() == {"annotator": {"answers_refused": 2}}
        assert [path.read_bytes() for path in files] == before
    events_of = [(record.levelname, getattr(record, "segment_id", None)) for record in caplog.records]
    assert events_of == 2 * [("WARNING", "s0000")]


def test_orders_ahead_of_answers_are_bounded(layout: RunLayout) -> None:
    """However slow the annotator is, no more orders are sent than its hop holds; End comes after the last."""
    count = OUTSTANDING_MAX + 10
    with recording(layout, options()) as record:
        for item in clip(count):
            list(record.on_item(item))
        first = list(record.on_notify(0.0))
        assert len(first) == OUTSTANDING_MAX
        assert list(record.on_notify(0.0)) == []
        for order in first:
            assert isinstance(order, AnnotationTask)
            list(record.on_item(AnnotationFailure(order.segment.segment_id, order.segment.frames_digest, "no")))
        *rest, last = record.on_notify(0.0)
        assert (len(rest), last) == (10, end(count))
        assert list(record.on_notify(0.0)) == []
        list(record.on_item(end(count)))
    assert [
        event.reason for event in of_kind(layout, events.SegmentFailed) if isinstance(event, events.SegmentFailed)
    ] == ["no"] * OUTSTANDING_MAX + [NO_RESPONSE] * 10


def test_only_anomalous_segments(layout: RunLayout) -> None:
    """With ``anomalous`` typical segments are skipped, each with that reason."""
    annotator = FakeAnnotator()
    play(layout, options({"annotator.segments": "anomalous"}), annotator, clip(6))
    assert sorted(subtasks(layout)) == ["s0002", "s0005"]
    skipped = of_kind(layout, events.SegmentSkipped)
    assert {event.reason for event in skipped} == {ONLY_ANOMALOUS}
    assert finish(layout).skipped_s == 20.0


class PowerCutError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["words", "actions", "event"])
def test_kill_between_response_and_event(layout: RunLayout, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Killed after the raw response, the actions or the event was written, a run resumes without a new request."""
    from stream.annotation import outcome
    from stream.records.store.keyframes import KeyframeCache

    where: dict[str, tuple[object, str]] = {
        "words": (outcome, "parse_answer"),
        "actions": (outcome, "cost_of"),
        "event": (KeyframeCache, "drop"),
    }

    def cut(*_: object) -> None:
        raise PowerCutError

    first, second = FakeAnnotator(), FakeAnnotator()
    with monkeypatch.context() as patched:
        patched.setattr(*where[moment], cut)
        with pytest.raises(PowerCutError):
            play(layout, options(), first, clip(1))
    play(layout, options(), second, clip(1))
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert subtasks(layout) == {"s0000": "work on s0000"}
    assert len(list(read_responses(layout.raw_responses))) == 1
    assert not list(layout.keyframes.iterdir())
    assert finish(layout).annotated_s == 5.0
