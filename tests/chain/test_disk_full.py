"""If the disk is full when an annotator's response is written, the run ends with 6, and resumes once there is room."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from stream.annotation.raw_responses import read_responses
from stream.errors import exit_code_of
from stream.records.schema import events
from stream.records.schema.annotations import read_annotations
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import read_events
from tests.support.annotated import clip as annotated
from tests.support.annotated import options, play
from tests.support.facts import without
from tests.support.fake_annotators import FakeAnnotator

_SEGMENTS = 3
"""That an annotator describes."""
_FILES_OF_WORDS = ("clip_raw_response.txt", "clip_annotations.json", "events.jsonl")


@pytest.mark.parametrize("name", _FILES_OF_WORDS)
def test_full_disk_while_a_response_is_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write fails: the code is 6, all files are valid, and with room the end is the same."""
    whole = RunLayout(tmp_path / "whole", "clip")
    whole.root.mkdir()
    play(whole, options(), FakeAnnotator(), annotated(_SEGMENTS))
    number = 0
    while True:
        layout = RunLayout(tmp_path / str(number), "clip")
        layout.root.mkdir()
        with monkeypatch.context() as patch:
            disk = FullDisk(name, number)
            patch.setattr(os, "fsync", disk.fsync)
            code = _code_of(partial(play, layout, options(), FakeAnnotator(), annotated(_SEGMENTS)))
        assert code == (6 if disk.was_full else 0)
        assert [event.seq for event in read_events(layout.events)] == list(range(disk.lines(layout.events)))
        assert all(answer.raw for answer in read_responses(layout.raw_responses))
        assert len(read_annotations(layout.annotations) if layout.annotations.exists() else []) <= 2 * _SEGMENTS
        assert not list(layout.root.rglob("*.part"))
        if not disk.was_full:
            break
        play(layout, options(), FakeAnnotator(), annotated(_SEGMENTS))
        assert _words(layout) == _words(whole)
        number += 1
    assert number >= _SEGMENTS


def _code_of(work: Callable[[], None]) -> int:
    """With which a process ends that does this work."""
    try:
        work()
    except OSError as error:
        return exit_code_of(error)
    return 0


class FullDisk:
    """Has no room for one write: the one with that number to files of that name."""

    def __init__(self, name: str, number: int) -> None:
        self._name = name
        self._left = number
        self.was_full = False

    def fsync(self, fd: int) -> None:
        """Refuse once; then there is room, so that what is half written can be taken back."""
        if self._name in Path(f"/proc/self/fd/{fd}").resolve().name and not self.was_full:
            self._left -= 1
            if self._left < 0:
                self.was_full = True
                raise OSError(28, "No space left on device")

    def lines(self, path: Path) -> int:
        """Whole ones."""
        return path.read_bytes().count(b"\n")


def _words(layout: RunLayout) -> object:
    """What was said, and what became of it, in the order of segments."""
    responses_by_segment = {
        event.segment_id: without(event, "seq", "time")
        for event in read_events(layout.events)
        if isinstance(event, events.Outcome)
    }
    responses = sorted(answer.raw for answer in read_responses(layout.raw_responses))
    return layout.annotations.read_bytes(), responses_by_segment, responses
