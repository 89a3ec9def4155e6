"""The folder of a data set: what is refused, and nothing in it is lost."""

import fcntl
from pathlib import Path

import pytest

from exporters.dataset.store import DataSetFiles
from tests.support.coded_run import CodedSegment, make_coded_run
from tests.support.inline import run_here


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_coded_run(tmp_path_factory.mktemp("coded"), segments=[CodedSegment(0.0, 0.5)])


def refusal(*args: str | Path, code: int = 2) -> str:
    """The error of a call that is refused."""
    result = run_here("export", *args, "--video", "raw")
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_folder_with_something_else_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert "is not empty and holds no export" in refusal("clips", run, "--to", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in refusal("clips", run, "--to", tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fps", "10"], "with --fps 20, not 10"),
        (["--codec", "hevc"], "with --codec h264, not hevc"),
        (["--size", "64"], "with --size unset, not 64"),
        (["--seed", "3"], "with --seed 0, not 3"),
        (["--language", "subtask"], "with --language columns, not subtask"),
    ],
)
def test_other_options_than_the_first_calls_are_refused(
    run: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    assert run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw").returncode == 0
    assert words in refusal("clips", run, "--to", tmp_path / "set", *options)


def test_another_format_there_is_refused(run: Path, tmp_path: Path) -> None:
    assert run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw").returncode == 0
    assert "with FORMAT clips, not vtt" in refusal("vtt", run, "--to", tmp_path / "set")


def test_a_folder_in_use_is_refused(run: Path, tmp_path: Path) -> None:
    assert run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw").returncode == 0
    with DataSetFiles(tmp_path / "set").lock.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is in use" in refusal("clips", run, "--to", tmp_path / "set")


def test_a_damaged_state_is_named(run: Path, tmp_path: Path) -> None:
    assert run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw").returncode == 0
    files = DataSetFiles(tmp_path / "set")
    files.episodes.write_bytes(b'{"episode": 1}\n')
    assert "episodes.jsonl is damaged in line 1" in refusal("clips", run, "--to", tmp_path / "set", code=3)
    files.header.write_text("{}")
    assert "export.json is damaged" in refusal("clips", run, "--to", tmp_path / "set", code=3)
    files.header.write_text('{"v": 2}')
    assert "newer version" in refusal("clips", run, "--to", tmp_path / "set", code=3)


def test_a_clip_that_was_removed_from_the_state_is_named(run: Path, tmp_path: Path) -> None:
    assert run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw").returncode == 0
    DataSetFiles(tmp_path / "set").clip("clip-s0000").unlink()
    shown = refusal("clips", run, "--to", tmp_path / "set", code=3)
    assert "clips/clip-s0000.mp4 is missing, which this data set is written from: export to a new folder" in shown


def test_formats_may_be_named_in_any_order(run: Path, tmp_path: Path) -> None:
    for formats in ("vtt,clips", "clips,vtt"):
        assert run_here("export", formats, run, "--to", tmp_path / "set", "--video", "raw").returncode == 0


def test_a_torn_line_was_never_added(run: Path, tmp_path: Path) -> None:
    assert run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw").returncode == 0
    episodes = DataSetFiles(tmp_path / "set").episodes
    episodes.write_bytes(episodes.read_bytes()[:-9])
    result = run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw")
    assert (result.returncode, "1 episode added" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["lerobot,nonsense"], "format nonsense: must be one of lerobot"),
        (["clips", "--fps", "0"], "--fps 0"),
        (["clips", "--where", "score > 1"], "score is not one of"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Path, tmp_path: Path, args: list[str], words: str) -> None:
    assert words in refusal(args[0], run, "--to", tmp_path / "set", *args[1:])
    assert not (tmp_path / "set").exists()


def test_nothing_selected_is_said(run: Path, tmp_path: Path) -> None:
    assert "nothing to export" in refusal("clips", run, "--to", tmp_path / "set", "--select", "anomalous", code=3)


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    assert "contains none" in refusal("clips", tmp_path, "--to", tmp_path / "set", code=3)


def test_a_clip_that_has_changed_is_named_and_the_others_are_exported(tmp_path: Path) -> None:
    for name, run_id in (("a", "1" * 16), ("b", "2" * 16)):
        make_coded_run(tmp_path, name=name, run_id=run_id, segments=[CodedSegment(0.0, 0.5)])
    (tmp_path / "a.mp4").write_bytes((tmp_path / "a.mp4").read_bytes() + b"x")
    result = run_here("export", "clips", tmp_path / "runs", "--to", tmp_path / "set", "--video", "raw")
    assert result.returncode == 4
    assert "bytes have changed" in result.stdout
    assert [path.name for path in (tmp_path / "set/clips").iterdir()] == ["b-s0000.mp4"]


def test_clips_of_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    for folder, run_id in (("one", "1" * 16), ("two", "2" * 16)):
        (tmp_path / folder).mkdir()
        make_coded_run(tmp_path / folder, run_id=run_id, segments=[CodedSegment(0.0, 0.5)])
    runs = [tmp_path / folder / "runs" for folder in ("one", "two")]
    assert run_here("export", "clips", *runs, "--to", tmp_path / "set", "--video", "raw").returncode == 0
    names = sorted(path.name for path in (tmp_path / "set/clips").iterdir())
    assert names == ["clip-s0000-22222222.mp4", "clip-s0000.mp4"]
