"""Finding run directories."""

from pathlib import Path

import pytest

from stream.errors import InputError
from stream.records.folders import run_folders, runs_in


def test_a_folder_of_that_name_is_no_run(tmp_path: Path) -> None:
    """Both ways of finding runs, by name and by time, agree on what is one."""
    (tmp_path / "odd/events.jsonl").mkdir(parents=True)
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip/events.jsonl").write_text("")
    assert runs_in(tmp_path) == run_folders(tmp_path) == [tmp_path / "clip"]
    assert runs_in(tmp_path / "odd") == []
    with pytest.raises(InputError, match="is not a run directory and contains none"):
        run_folders(tmp_path / "odd")


def test_a_run_without_events_is_followed_and_not_read(tmp_path: Path) -> None:
    """One that is just beginning has a heartbeat only."""
    for name in ("began", "clip"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "health.json").write_text("{}")
    (tmp_path / "clip" / "events.jsonl").write_text("")
    assert sorted(runs_in(tmp_path)) == [tmp_path / "began", tmp_path / "clip"]
    assert run_folders(tmp_path) == [tmp_path / "clip"]


def test_a_place_that_is_no_folder_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="none does not exist: name a run directory, or a folder of them"):
        run_folders(tmp_path / "none")
    with pytest.raises(InputError, match="file is no folder: name a run directory"):
        run_folders(tmp_path / "file")
