"""A full disk ends a run with 6, its files stay valid, and the run resumes when there is room."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from stream.records.schema import events
from stream.records.schema.annotations import read_annotations
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import EventLog, read_events
from tests.support.clips import make_clip
from tests.support.coded_run import CodedSegment, make_coded_run
from tests.support.facts import without
from tests.support.inline import run_here, run_inline
from tests.support.runs import DEADLINE_S, program, run_cli, write_intrinsics

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
_KIB = 1024
_ROOM_BYTES = 700 * _KIB
"""For the state, and for ten rows of temporal tokens, 64 KiB each."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-five seconds, and their calibration."""
    folder = tmp_path_factory.mktemp("room")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=750, key_every=60)


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> RunLayout:
    """The run for which there was room."""
    out = tmp_path_factory.mktemp("whole")
    assert run_inline(*words(clip, out)).returncode == 0
    return RunLayout(out / "clip", "clip")


def words(clip: Path, out: Path) -> tuple[Path | str, ...]:
    """The command line."""
    return clip, "--encoder", "grid", "--detector-max-segment-s", "5", "--out", out


def assert_valid(layout: RunLayout) -> None:
    """Every file can be read, and the events are whole and numbered."""
    rows = [len(np.load(path, allow_pickle=False)) for path in layout.arrays if path.exists()]
    assert not rows or max(rows) - min(rows) <= 1
    assert [event.seq for event in read_events(layout.events)] == list(range(len(list(read_events(layout.events)))))
    assert layout.events.read_bytes().endswith(b"\n")
    assert read_annotations(layout.annotations) == []
    json.loads(layout.manifest.read_text())
    assert all(path.read_bytes().endswith(b"\xff\xd9") for path in layout.keyframes.iterdir())
    assert not list(layout.root.rglob("*.part"))


def assert_same(layout: RunLayout, whole: RunLayout) -> None:
    """The arrays are those of the run for which there was room, and so is the end."""
    assert [path.read_bytes() for path in layout.arrays] == [path.read_bytes() for path in whole.arrays]
    ends = [without([*read_events(run.events)][-1], "seq", "time", "wall_s") for run in (layout, whole)]
    assert ends[0] == ends[1]


def run_limited(largest_file_bytes: int, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """Run a command that cannot write a larger file."""
    limit = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest_file_bytes},) * 2)"
    command = [sys.executable, "-c", f"{limit}; os.execv(sys.executable, sys.argv[1:])", *program(*arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def test_files_that_may_not_grow(clip: Path, whole: RunLayout, tmp_path: Path) -> None:
    """Where a file may not become larger the run ends with 6; without that limit the same command finishes it."""
    result = run_limited(_ROOM_BYTES, *words(clip, tmp_path))
    assert result.returncode == 6, result.stderr
    assert "no room left" in result.stderr
    layout = RunLayout(tmp_path / "clip", "clip")
    assert_valid(layout)
    *_, failed = read_events(layout.events)
    assert isinstance(failed, events.RunFailed)
    assert failed.exit_code == 6
    assert 5 <= len(np.load(layout.timestamps)) < 20
    assert run_inline(*words(clip, tmp_path)).returncode == 0
    assert_same(layout, whole)


@pytest.mark.parametrize("missing_bytes", [1, 20_000])
def test_hdf5_files_that_may_not_grow(tmp_path: Path, missing_bytes: int) -> None:
    """HDF5 must be able to close its file all the same: otherwise it crashes when the process ends."""
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.5)])
    arguments: list[str | Path] = ["export", "egohumanoid", run, "--video", "raw", "--to"]
    assert run_here(*arguments, tmp_path / "whole").returncode == 0
    size_bytes = (tmp_path / "whole/episode_0.hdf5").stat().st_size
    result = run_limited(size_bytes - missing_bytes, *arguments, tmp_path / "full")
    assert (result.returncode, "no room left on the disk" in result.stderr) == (6, True), result.stderr
    assert not list((tmp_path / "full").rglob("*.hdf5*"))


@contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Callable[[int], None]]:
    """A file system of that size in memory; gives what makes it larger."""
    folder.mkdir()
    options = f"size={size_kib}k"
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
    ).returncode:
        pytest.skip("no file system can be mounted here: that takes root and the right to mount")

    def grow(size_kib: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size_kib}k", folder], check=True)

    try:
        yield grow
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("size_kib", "run"), [(40, run_cli), (400, run_inline), (1300, run_cli), (1800, run_inline)])
def test_a_full_disk(clip: Path, whole: RunLayout, tmp_path: Path, size_kib: int, run: Run) -> None:
    """However early the disk is full, a run by either engine ends with 6 and leaves valid files, and is resumed."""
    with small_disk(tmp_path / "disk", size_kib) as grow:
        layout = RunLayout(tmp_path / "disk" / "clip", "clip")
        result = run(*words(clip, layout.root.parent))
        assert result.returncode == 6, result.stderr
        assert "no room left" in result.stderr
        assert "Traceback" not in result.stderr
        assert_valid(layout)
        grow(65_536)
        assert run_inline(*words(clip, layout.root.parent)).returncode == 0
        assert_same(layout, whole)


def test_an_event_is_whole_or_not_there(tmp_path: Path) -> None:
    """Of an event for which there is no room nothing is left, and the next one has its number."""
    path = tmp_path / "events.jsonl"
    skipped = events.SegmentSkipped(segment_id="s0000", reason="none")
    program = (
        "import resource, sys; from pathlib import Path; from stream.records.store.event_log import EventLog; "
        "from stream.records.schema import events; log = EventLog(Path(sys.argv[1])); "
        "skipped = events.SegmentSkipped(segment_id='s0000', reason='none'); log.append(skipped); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size + 10,) * 2); log.append(skipped)"
    )
    result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert "File too large" in result.stderr
    assert [event.seq for event in read_events(path)] == [0]
    assert path.read_bytes().endswith(b"}\n")
    with EventLog(path) as log:
        assert log.append(skipped).seq == 1
