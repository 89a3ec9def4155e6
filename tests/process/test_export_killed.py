"""An export that is killed or stopped: what is there loads, and the next call ends with the same bytes."""

import json
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py
import pyarrow.parquet as pq
import pytest

from tests.support.coded_run import FPS, CodedSegment, make_coded_run, numbers_in
from tests.support.exports import contents
from tests.support.inline import run_here
from tests.support.made_once import MadeOnce
from tests.support.runs import DEADLINE_S, started

RAW = ("--video", "raw", "--workers", "1")


@pytest.fixture(scope="module")
def runs(made_once: MadeOnce) -> Path:
    def make(folder: Path) -> None:
        segments = [CodedSegment(float(start), start + 1.0) for start in range(6)]
        for number in range(3):
            make_coded_run(folder, name=f"clip{number}", run_id=f"{number}" * 16, segments=segments)

    return made_once("killed_runs", make) / "runs"


@pytest.fixture(scope="module")
def whole(runs: Path, made_once: MadeOnce) -> Callable[[str], dict[str, bytes]]:
    """The contents of an undisturbed export in these formats."""

    def contents_of(formats: str) -> dict[str, bytes]:
        def export(folder: Path) -> None:
            assert run_here("export", formats, runs, *RAW, "--to", folder / "whole").returncode == 0

        return contents(made_once(formats, export) / "whole")

    return contents_of


@pytest.mark.parametrize("clips", [1, 4, 11, 18])
def test_after_a_kill_the_next_call_ends_with_the_same_bytes(
    runs: Path, whole: Callable[[str], dict[str, bytes]], tmp_path: Path, clips: int
) -> None:
    words: list[str | Path] = ["export", formats := "lerobot,webdataset", runs, *RAW, "--to", tmp_path / "killed"]
    with started(*words) as process:
        wait_for_files(process, tmp_path / "killed", (".export/clips/*.mp4",), clips)
        process.send_signal(signal.SIGKILL)
    assert_loads(tmp_path / "killed" / "lerobot")
    assert run_here(*words).returncode == 0
    assert contents(tmp_path / "killed") == whole(formats)


@pytest.mark.parametrize("files", [1, 7, 17])
def test_after_a_kill_every_file_of_pictures_is_whole(
    runs: Path, whole: Callable[[str], dict[str, bytes]], tmp_path: Path, files: int
) -> None:
    killed = tmp_path / "killed"
    words: list[str | Path] = ["export", formats := "egohumanoid,egoverse", runs, *RAW, "--to", killed]
    with started(*words) as process:
        wait_for_files(process, killed, ("*/*.hdf5", "*/*.zarr"), files)
        process.send_signal(signal.SIGKILL)
    for path in killed.glob("egohumanoid/*.hdf5"):
        with h5py.File(path) as file:
            assert len(file["observation_image_left"]) == len(file["camera_timestamp"]) == FPS
    for path in killed.glob("egoverse/*.zarr"):
        assert json.loads((path / "zarr.json").read_text())["attributes"]["total_frames"] == FPS
    assert run_here(*words).returncode == 0
    assert contents(killed) == whole(formats)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_after_a_signal_the_same_command_goes_on(runs: Path, tmp_path: Path, number: int, code: int) -> None:
    words: list[str | Path] = ["export", "clips", runs, "--video", "raw", "--workers", "2", "--to", tmp_path / "set"]
    with started(*words) as process:
        wait_for_files(process, tmp_path / "set", (".export/clips/*.mp4",), 2)
        process.send_signal(number)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors.strip()) == (code, "stopped: run the same command again to resume")
    assert not list(tmp_path.rglob("*.part"))
    result = run_here(*words)
    assert (result.returncode, "18 in" in result.stdout) == (0, True)


def wait_for_files(process: subprocess.Popen[str], folder: Path, patterns: tuple[str, ...], number: int) -> None:
    """Wait until so many files are there, or the program has ended."""
    while process.poll() is None and sum(len(list(folder.glob(pattern))) for pattern in patterns) < number:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)


def assert_loads(root: Path) -> None:
    """A data set has no metadata, or all that its metadata names."""
    if not (root / "meta/info.json").exists():
        return
    info = json.loads((root / "meta/info.json").read_text())
    episodes = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert len(episodes) >= info["total_episodes"]
    for number in range(info["total_episodes"]):
        video = root / info["video_path"].format(video_key="observation.images.ego", chunk_index=0, file_index=number)
        assert len(numbers_in(video)) == episodes[number]["length"]
    for path in (root / "data").rglob("*.parquet"):
        pq.read_table(path)
