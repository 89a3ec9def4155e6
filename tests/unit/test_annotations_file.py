"""The annotations file is one array in order of time at any moment, and the cost of adding to it is bounded."""

import random
import tracemalloc
from pathlib import Path

import pytest

from stream.records.schema import annotations
from stream.records.schema.annotations import (
    ACTIONS,
    TAIL_MAX,
    Action,
    AnnotationsFile,
    Ecot,
    numbered,
    read_annotations,
    write_annotations,
)


def of_segment(number: int, count: int = 2, scene: str = "a b\u00e4nch") -> list[Action]:
    """Actions of one of the segments that follow one another."""
    ecot = Ecot(scene=scene, subtask="turns", motion="right", prediction="rest")
    return [
        Action(
            action_id=1, t_start_s=number * 5.0 + part, t_end_s=number * 5.0 + part + 1.0, active=True, objects=(),
            ecot=ecot, segment_id=f"s{number:04}", kind="typical",
        )
        for part in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("shuffled_within", [1, 4, 60])
def test_file_is_as_if_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shuffled_within: int) -> None:
    """Whatever the order in which segments come, near or far, after each the file has all actions so far, numbered."""
    monkeypatch.setattr(annotations, "TAIL_MAX", 8)
    order = sorted(range(60), key=lambda number: number + random.Random(number).uniform(0, shuffled_within))
    path, whole = tmp_path / "a.json", tmp_path / "b.json"
    write_annotations(path, [])
    file, so_far = AnnotationsFile(path), list[Action]()
    for number in order:
        file.put(f"s{number:04}", of_segment(number))
        so_far = numbered([*so_far, *of_segment(number)])
        write_annotations(whole, so_far)
        assert path.read_bytes() == whole.read_bytes()
    for number in (59, 30, 0):  # killed before its event was written, or described by another model
        file = AnnotationsFile(path) if number == 30 else file
        file.put(f"s{number:04}", of_segment(number, count=3))
        so_far = [action for action in so_far if action.segment_id != f"s{number:04}"]
        so_far = numbered([*so_far, *of_segment(number, count=3)])
        assert read_annotations(path) == so_far


def test_none_is_an_empty_array(tmp_path: Path) -> None:
    """Of a segment without actions nothing is left."""
    file = AnnotationsFile(tmp_path / "a.json")
    file.put("s0000", of_segment(0))
    file.put("s0000", [])
    assert (tmp_path / "a.json").read_bytes() == b"[]\n"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """After a hundred more segments, no more than 2.5 kB for each of them is held."""
    path = tmp_path / "a.json"
    write_annotations(path, numbered(action for number in range(TAIL_MAX) for action in of_segment(number)))
    file = AnnotationsFile(path)
    file.put("s0256", of_segment(256))
    tracemalloc.start()
    try:
        file.put("s0257", of_segment(257))
        before = tracemalloc.get_traced_memory()[0]
        for number in range(258, 358):
            file.put(f"s{number:04}", of_segment(number))
        assert tracemalloc.get_traced_memory()[0] - before < 250_000
    finally:
        tracemalloc.stop()
    assert len(ACTIONS.validate_json(path.read_bytes())) == 2 * 358


def test_no_room_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new file cannot be written the old one stands, and no piece of the new one is left."""
    path = tmp_path / "a.json"
    file = AnnotationsFile(path)
    file.put("s0000", of_segment(0))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.put("s0001", of_segment(1))
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
