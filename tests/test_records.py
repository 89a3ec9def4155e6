"""The run directory's files are valid at every instant, and the books close."""

import json
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import EgocleanError, UsageError
from stream.records import events
from stream.records.annotations import Action, read_annotations, write_annotations
from stream.records.arrays import GrowingArray
from stream.records.books import Books
from stream.records.claim import Claim
from stream.records.follow import Follower
from stream.records.layout import RunLayout
from stream.records.log import EventLog, ReplayedLog, last_event, read_events
from stream.records.schema import path_of, schemas
from stream.records.spool import Spool, digest

STARTED = events.RunStarted(run_id="r", source="clip.mp4", stem="clip", encoder="grid", annotator="none")


def skipped(number: int) -> events.SegmentSkipped:
    """An event that knows its number."""
    return events.SegmentSkipped(segment_id=f"s{number:04}", reason="annotator: none")


def test_growing_array_loads_after_every_row(tmp_path: Path) -> None:
    """``numpy.load`` gives exactly the rows so far, after each append, also over a change of digits."""
    path = tmp_path / "a.npy"
    array = GrowingArray(path, (3,), "<f4")
    for row in range(12):
        assert np.load(path, allow_pickle=False).shape == (row, 3)
        array.put(row, np.full(3, row))
    array.close()
    loaded = np.load(path, allow_pickle=False)
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded[:, 0], np.arange(12))


def test_growing_array_hides_a_torn_row(tmp_path: Path) -> None:
    """A row that was only partly written is not seen."""
    path = tmp_path / "a.npy"
    array = GrowingArray(path, (4,), "<f8")
    array.put(0, np.ones(4))
    with path.open("ab") as file:
        file.write(b"\x00" * 7)
    assert np.array_equal(np.load(path, allow_pickle=False), np.ones((1, 4)))
    array.close()


def test_growing_array_refuses_another_shape(tmp_path: Path) -> None:
    """A row of another shape is an error that names both."""
    array = GrowingArray(tmp_path / "a.npy", (4,), "<f8")
    with pytest.raises(ValueError, match=r"\(3,\).*\(4,\)"):
        array.put(0, np.ones(3))
    array.close()


def test_growing_array_goes_on(tmp_path: Path) -> None:
    """An array that is opened again keeps its rows, takes them over again, and grows; never with a hole."""
    path = tmp_path / "a.npy"
    for turn in (range(3), range(1, 5)):
        array = GrowingArray(path, (2,), "<f8")
        for row in turn:
            array.put(row, np.full(2, row))
        with pytest.raises(ValueError, match="hole"):
            array.put(9, np.zeros(2))
        array.close()
    assert np.array_equal(np.load(path)[:, 0], np.arange(5.0))
    with pytest.raises(ValueError, match="expected float32 rows"):
        GrowingArray(path, (2,), "<f4")


def test_replayed_log_writes_nothing_twice(tmp_path: Path) -> None:
    """What the chain tells again is not written again, what is new is; another story than before is an error."""
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for event in (STARTED, skipped(1), skipped(2)):
            log.append(event)
    with ReplayedLog(path) as log:
        log.append(skipped(1))
        log.append(skipped(2))
        log.append(skipped(3))
    assert [event.seq for event in read_events(path)] == [0, 1, 2, 3]
    with ReplayedLog(path) as log, pytest.raises(EgocleanError, match="another way"):
        log.append(skipped(7))


def test_log_numbers_without_holes_also_after_a_torn_line(tmp_path: Path) -> None:
    """A writer that comes after a crash cuts the torn line off and goes on with the next number."""
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
    last = last_event(path)
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


def test_follower_begins_with_the_asked_number(tmp_path: Path) -> None:
    """``since`` leaves out what comes before that number."""
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for number in range(5):
            log.append(skipped(number))
    follower = Follower(path, since=3)
    assert [event.seq for event, _ in follower.poll()] == [3, 4]
    follower.close()


def test_spool_is_bounded_and_drops_the_oldest(tmp_path: Path) -> None:
    """The keyframes on disk never exceed the bound, and the newest are there."""
    spool = Spool(tmp_path / "keyframes", bytes_max=1000)
    for number in range(30):
        spool.add(float(number), bytes([number]) * 120)
        assert sum(path.stat().st_size for path in (tmp_path / "keyframes").iterdir()) <= 1000
    kept = sorted(path.name for path in (tmp_path / "keyframes").iterdir())
    assert kept == [f"{number * 1000:010d}.jpg" for number in range(22, 30)]


def test_digest_depends_on_content_and_order(tmp_path: Path) -> None:
    """Two segments have the same digest only if they have the same keyframes in the same order."""
    spool = Spool(tmp_path / "keyframes", bytes_max=1000)
    one, two = spool.add(1.0, b"one"), spool.add(2.0, b"two")
    assert len({digest([one, two]), digest([two, one]), digest([one]), digest([])}) == 4


SPANS = st.lists(st.tuples(st.floats(0, 100), st.floats(0.001, 5)), max_size=8)


@settings(deadline=None, derandomize=True)
@given(cuts=st.lists(st.floats(0.001, 100), max_size=12, unique=True), damage=SPANS)
def test_books_close_to_the_millisecond(cuts: list[float], damage: list[tuple[float, float]]) -> None:
    """However the time is cut and damaged, the outcomes and the damage add up to the decoded time."""
    edges = [0.0, *sorted(cuts), 101.0]
    lost = sorted((start, min(start + length, 101.0)) for start, length in damage)
    books = Books()
    for start, end in lost:
        books.damage(start, end)
    for number, (start, end) in enumerate(pairwise(edges)):
        books.close(str(number), start, end)
        books.settle(str(number), ("annotated", "failed", "skipped")[number % 3])
    union = np.zeros(101_000, bool)
    for start, end in lost:
        union[round(start * 1000) : round(end * 1000)] = True
    assert abs(books.total_s - 101.0) < 1e-3
    assert abs(books.seconds()["damaged_s"] - union.sum() / 1000) < 1e-3 * (len(lost) + 1)


def test_books_settle_only_once() -> None:
    """An outcome for a segment that is unknown or settled is an error, never counted twice."""
    books = Books()
    books.close("a", 0.0, 1.0)
    books.settle("a", "skipped")
    with pytest.raises(KeyError):
        books.settle("a", "annotated")
    with pytest.raises(KeyError):
        books.settle("b", "annotated")


def test_annotations_are_always_a_whole_file(tmp_path: Path) -> None:
    """Writing replaces the file: what was open before still reads the whole old array."""
    path = tmp_path / "a.json"
    write_annotations(path, [])
    idle = Action(
        action_id=1, t_start_s=0, t_end_s=1, active=False, objects=(), ecot=None, segment_id="s0", kind="typical"
    )
    with path.open("rb") as old:
        write_annotations(path, [idle])
        assert json.loads(old.read()) == []
    assert read_annotations(path) == [idle]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_idle_actions_carry_no_words() -> None:
    """An idle action with reasoning, and an active one without, are refused."""
    common = {"action_id": 1, "t_start_s": 0, "t_end_s": 1, "objects": (), "segment_id": "s0", "kind": "typical"}
    with pytest.raises(ValueError, match="idle"):
        Action.model_validate({**common, "active": True, "ecot": None})


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schema_files_are_current(name: str) -> None:
    """The committed schemas are what the models generate, and are valid JSON Schema."""
    committed = json.loads(path_of(name).read_text())
    assert committed == schemas()[name]
    jsonschema.Draft202012Validator.check_schema(committed)


def test_second_writer_is_fenced_off(tmp_path: Path) -> None:
    """A directory that one run holds cannot be claimed by another until it is released."""
    layout = RunLayout(tmp_path / "clip", "clip")
    claim = Claim(layout)
    with pytest.raises(UsageError, match="another run is writing"):
        Claim(layout)
    claim.release()
    Claim(layout).release()


def test_unwritable_directory_is_a_usage_error(tmp_path: Path) -> None:
    """An output directory that cannot be made is named, with what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--out"):
        Claim(RunLayout(tmp_path / "file" / "clip", "clip"))
