"""The run directory's files are valid at any moment, and the accounting is exact."""

import errno
import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import DamagedError, UsageError
from stream.records.accounting import LossTracker, account
from stream.records.schema import events
from stream.records.schema.annotations import Action, read_annotations, write_annotations
from stream.records.schema.generate import path_of, schemas
from stream.records.schema.layout import RunLayout
from stream.records.store.append_log import AppendLog
from stream.records.store.arrays import GrowingArray
from stream.records.store.keyframes import KeyframeCache, digest, keyframes_within
from stream.records.store.run_lock import RunLock
from tests.support.properties import examples


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


def test_an_array_is_not_there_before_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk no empty file is left, which could not be loaded."""

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        GrowingArray(tmp_path / "a.npy", (2,), "<f8")
    assert not list(tmp_path.iterdir())


def test_growing_array_is_continued(tmp_path: Path) -> None:
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
    with pytest.raises(DamagedError, match="expected float32 rows"):
        GrowingArray(path, (2,), "<f4")


def names_in(cache: Path) -> list[str]:
    """The keyframes on disk."""
    return sorted(path.stem for path in cache.iterdir())


def test_spool_is_bounded_and_makes_room_of_what_is_released(tmp_path: Path) -> None:
    """The keyframes on disk never exceed the bound: the oldest released ones go, those that are kept stay."""
    cache = KeyframeCache(tmp_path / "keyframes", bytes_max=1000)
    for number in range(30):
        assert cache.add(float(number), bytes([number]) * 120)
        assert sum(path.stat().st_size for path in (tmp_path / "keyframes").iterdir()) <= 1000
        if number not in (3, 4):
            cache.release(number, number + 1)
    assert names_in(tmp_path / "keyframes") == [f"{second * 1000:010d}" for second in (3, 4, *range(24, 30))]
    assert cache.count(3.0, 26.0) == 4


def test_keyframe_cache_refuses_what_does_not_fit(tmp_path: Path) -> None:
    """A keyframe for which there is no room is not written; after a segment is dropped there is."""
    cache = KeyframeCache(tmp_path / "keyframes", bytes_max=300)
    assert [cache.add(float(number), bytes(120)) for number in range(3)] == [True, True, False]
    assert not cache.fits(120)
    cache.drop(0.0, 1.0)
    assert cache.add(2.0, bytes(120))
    assert names_in(tmp_path / "keyframes") == ["0000001000", "0000002000"]


def test_spool_finds_itself_again(tmp_path: Path) -> None:
    """A cache that is opened again knows what lies there; a keyframe that comes again is kept and not written anew."""
    directory = tmp_path / "keyframes"
    before = KeyframeCache(directory, bytes_max=1000)
    before.add(1.0, b"one")
    before.add(2.5, b"two")
    written_ns = (directory / "0000001000.jpg").stat().st_mtime_ns
    cache = KeyframeCache(directory, bytes_max=1000)
    assert cache.count(0.0, 3.0) == 2
    assert cache.add(1.0, b"one")
    assert (directory / "0000001000.jpg").stat().st_mtime_ns == written_ns
    assert keyframes_within(directory, 1.0, 2.5) == [directory / "0000001000.jpg"]


def test_digest_depends_on_content_and_order() -> None:
    """Two segments have the same digest only if they have the same keyframes in the same order."""
    assert len({digest(["1", "2"]), digest(["2", "1"]), digest(["1"]), digest([])}) == 4


SPANS = st.lists(st.tuples(st.floats(0, 100), st.floats(0.001, 5)), max_size=8)


def closed(segment_id: str, t_start_s: float, t_end_s: float, damaged_s: float = 0.0) -> events.SegmentClosed:
    """A segment of which only the times matter."""
    return events.SegmentClosed(
        segment_id=segment_id, t_start_s=t_start_s, t_end_s=t_end_s, kind="typical", closed_by="state_change",
        detected_at_s=t_end_s, windows=0, score_mean=None, score_max=None, theta_on=None, theta_off=None, period_s=None,
        cycles=None, damaged_s=damaged_s, keyframes=0, frames_digest="",
    )  # fmt: skip


@pytest.mark.slow
@examples()
@given(cuts=st.lists(st.floats(0.001, 100), max_size=12, unique=True), damage=SPANS)
def test_accounting_is_exact_to_the_millisecond(cuts: list[float], damage: list[tuple[float, float]]) -> None:
    """However the time is cut and damaged, the outcomes and the damage add up to the decoded time."""
    edges = [0.0, *sorted(cuts), 101.0]
    lost = sorted((start, min(start + length, 101.0)) for start, length in damage)
    inside = LossTracker()
    for start, end in lost:
        inside.add(start, end)
    run_events: list[events.Event] = []
    for number, (start, end) in enumerate(pairwise(edges)):
        run_events.append(closed(str(number), start, end, inside.close(start, end)))
        annotated = events.SegmentAnnotated(segment_id=str(number), actions=1)
        failed = events.SegmentFailed(segment_id=str(number), reason="")
        run_events.append((annotated, failed, events.SegmentSkipped(segment_id=str(number), reason=""))[number % 3])
    union = np.zeros(101_000, bool)
    for start, end in lost:
        union[round(start * 1000) : round(end * 1000)] = True
    accounting = account(run_events)
    assert not accounting.unsettled
    assert abs(accounting.total_s - 101.0) < 1e-3
    assert accounting.seconds["uncovered_s"] == 0.0
    assert abs(accounting.total_s - sum(accounting.seconds.values())) < 1e-6  # type: ignore[arg-type]  # a TypedDict
    assert abs(accounting.seconds["damaged_s"] - union.sum() / 1000) < 1e-3 * (len(lost) + 1)


def test_last_outcome_counts_and_every_attempt_has_its_price() -> None:
    """A segment that failed and was annotated later is annotated time, once; what both attempts took is added up."""
    failed = events.SegmentFailed(segment_id="a", reason="", tokens_in=10, tokens_out=1, seconds=2.0, dollars=0.5)
    annotated = events.SegmentAnnotated(
        segment_id="a", actions=1, tokens_in=20, tokens_out=2, seconds=3.0, dollars=0.25, uncovered_s=1.5
    )
    accounting = account([closed("a", 0.0, 4.0), closed("b", 4.0, 5.0), failed, annotated])
    others = {"failed_s": 0.0, "skipped_s": 0.0, "damaged_s": 0.0, "gap_s": 0.0, "dropped_s": 0.0}
    assert accounting.seconds == {"annotated_s": 4.0, "uncovered_s": 1.5, **others}
    assert accounting.unsettled == ("b",)
    assert accounting.annotation == events.Annotation(tokens_in=30, tokens_out=3, seconds=5.0, dollars=0.75)
    unpriced = replace(failed, dollars=None)
    assert account([closed("a", 0.0, 4.0), unpriced, annotated]).annotation.dollars is None


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


def test_idle_actions_have_no_text() -> None:
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
    claim = RunLock(layout)
    with pytest.raises(UsageError, match="another run is writing"):
        RunLock(layout, wait_s=0)
    claim.release()
    RunLock(layout).release()


def test_unwritable_directory_is_a_usage_error(tmp_path: Path) -> None:
    """An output directory that cannot be made is named, with what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--out"):
        RunLock(RunLayout(tmp_path / "file" / "clip", "clip"))


def test_new_files_have_durable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log and an array that are made are in their directory for good; one that is there already is so."""
    synced: list[Path] = []
    for module in ("append_log", "atomic"):
        monkeypatch.setattr(f"stream.records.store.{module}.sync_dir", synced.append)
    for _ in range(2):
        AppendLog(tmp_path / "events.jsonl").close()
        GrowingArray(tmp_path / "a.npy", (), "<f8").close()
    assert synced == [tmp_path, tmp_path]
