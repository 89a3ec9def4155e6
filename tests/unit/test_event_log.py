"""The event log: numbered without holes, replayed without repetition, followed, and readable in later versions."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from stream.errors import EgocleanError
from stream.records.follower import Follower
from stream.records.schema import events
from stream.records.schema.generate import schemas
from stream.records.store.event_log import EventLog, ResumableLog, read_events

STARTED = events.RunStarted(run_id="r", source="clip.mp4", stem="clip", encoder="grid", annotator="none")
DIVERGED = r"replay diverged at event 1 \(recorded segment.opened t_start_s=1.0, now segment.opened t_start_s=7.0\)"


def skipped(number: int) -> events.SegmentSkipped:
    """An event that knows its number."""
    return events.SegmentSkipped(segment_id=f"s{number:04}", reason="annotator: none")


def opened(number: int) -> events.SegmentOpened:
    """What the chain tells of a segment's beginning."""
    return events.SegmentOpened(segment_id=f"s{number:04}", t_start_s=number, kind="typical", detected_at_s=number)


def test_replayed_log_writes_nothing_twice(tmp_path: Path) -> None:
    """What the chain tells again is not written again, what is new is; another story than before is an error."""
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for event in (STARTED, opened(1), skipped(1), opened(2)):
            log.append(event)
    with ResumableLog(path) as log:
        for number in (1, 2, 3):
            log.append(opened(number))
    assert [event.seq for event in read_events(path)] == [0, 1, 2, 3, 4]
    with (
        ResumableLog(path) as log,
        pytest.raises(
            EgocleanError,
            match=DIVERGED,
        ),
    ):
        log.append(opened(7))


def test_replayed_log_knows_outcomes_by_segment(tmp_path: Path) -> None:
    """Outcomes may come in any order among what the chain tells again; a segment that has one gets no other."""
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for event in (opened(1), opened(2), skipped(2)):
            log.append(event)
    with ResumableLog(path) as log:
        assert log.outcomes == {"s0002": "segment.skipped"}
        for event in (skipped(1), opened(1), opened(2)):
            log.append(event)
        with pytest.raises(EgocleanError, match="s0002"):
            log.append(events.SegmentFailed(segment_id="s0002", reason="late"))
    assert [event.event for event in read_events(path)][2:] == ["segment.skipped", "segment.skipped"]


def test_log_numbers_without_holes_also_after_a_torn_line(tmp_path: Path) -> None:
    """A writer that comes after a crash cuts the torn line off and continues with the next number."""
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.append(STARTED)
        log.append(skipped(1))
    with path.open("ab") as file:
        file.write(b'{"v":1,"seq":2,"ev')
    assert [event.seq for event in read_events(path)] == [0, 1]
    with EventLog(path) as log:
        log.append(skipped(2))
    assert [event.seq for event in read_events(path)] == [0, 1, 2]
    *_, last = read_events(path)
    assert isinstance(last, events.SegmentSkipped)
    assert last.segment_id == "s0002"


def test_follower_sees_each_event_once(tmp_path: Path) -> None:
    """A reader that started before the file existed gets whole events only, each once, and a replaced file anew."""
    path = tmp_path / "events.jsonl"
    follower = Follower(path)
    assert list(follower.poll()) == []
    with EventLog(path) as log:
        log.append(STARTED)
        assert [event.seq for event, _ in follower.poll()] == [0]
        with path.open("ab") as file:
            file.write(b'{"v":1,"seq":1,"time":"","event":"segment.skipped",')
        assert list(follower.poll()) == []
        with path.open("ab") as file:
            file.write(b'"segment_id":"s0001","reason":"x"}\n')
        assert [event.seq for event, _ in follower.poll()] == [1]
    (tmp_path / "new").write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    (tmp_path / "new").replace(path)
    assert [event.seq for event, _ in follower.poll()] == [0]
    follower.close()


def test_follower_begins_with_the_requested_number(tmp_path: Path) -> None:
    """``since`` leaves out what comes before that number."""
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for number in range(5):
            log.append(skipped(number))
    follower = Follower(path, since=3)
    assert [event.seq for event, _ in follower.poll()] == [3, 4]
    follower.close()


LINES = (Path(__file__).parents[1] / "support" / "events_v1.jsonl").read_bytes().splitlines()
"""One line of each kind of event, as runs write them."""


def test_there_is_a_recorded_line_of_every_kind() -> None:
    """The recorded lines cover the schema."""
    assert {json.loads(line)["event"] for line in LINES} == set(schemas()["events"]["discriminator"]["mapping"])


@pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["event"])
def test_recorded_lines_stay_valid(line: bytes) -> None:
    """A line that a run has written is valid, is read, and would be written again to the byte.

    Without one of its required fields, or with a foreign one, neither the schema nor the reader takes it.
    """
    validator = jsonschema.Draft202012Validator(schemas()["events"])
    fields = json.loads(line)
    validator.validate(fields)
    assert events.EVENT.dump_json(events.EVENT.validate_json(line), ensure_ascii=True) == line
    name = type(events.EVENT.validate_json(line)).__name__
    for required in schemas()["events"]["$defs"][name]["required"]:
        assert required in fields
        broken = {key: value for key, value in fields.items() if key != required}
        assert not validator.is_valid(broken)
        with pytest.raises(ValidationError):
            events.EVENT.validate_python(broken)
    with pytest.raises(ValidationError):
        events.EVENT.validate_python({**fields, "foreign": 1})


def test_facts_are_compared_by_what_they_say() -> None:
    """Number and time of day are the log's: a fact that is reported again is the same fact."""
    assert replace(opened(1), seq=7, time="now") == opened(1) != opened(2)
