"""``export`` where something is in its way: a full disk, no network, runs that cannot be read, options from files."""

import json
from pathlib import Path

import pytest

from stream.sources.remote.storage import pinned_commit
from tests.support.changing import joined, part
from tests.support.coded_run import CodedSegment, make_coded_run, numbers_in
from tests.support.data_hub import EGO_100K, clip_bytes, worker_repo
from tests.support.exports import contents
from tests.support.full_disk import largest_file
from tests.support.hub_server import point_client_at, serving
from tests.support.inline import run_here, run_inline

pytestmark = pytest.mark.slow

FORMATS = "clips,lerobot,webdataset"
GRID = ("--encoder", "grid", "--window", "16@8")


def test_a_full_disk_costs_nothing_that_was_done(coded_run: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["export", FORMATS, coded_run, "--video", "raw", "--to"]
    assert run_here(*words, tmp_path / "whole").returncode == 0
    full = tmp_path / "full"
    for size_bytes in (500, 3000, 9000):  # it fails at a clip, at the state, at a format
        with largest_file(size_bytes):
            result = run_here(*words, full)
        assert result.returncode == 6
        assert result.stderr == (
            f"egoclean-stream: no room left on the disk of {full}: free some, then repeat the command\n"
        )
        assert not list(full.rglob("*.part"))
    assert run_here(*words, full).returncode == 0
    assert contents(full) == contents(tmp_path / "whole")


def test_options_come_from_variables_and_files(
    coded_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "options.toml"
    file.write_text('[export]\nselect = "anomalous"\nfps = 10\n')
    monkeypatch.setenv("EGOCLEAN_EXPORT_VIDEO", "raw")
    result = run_here("export", "clips", coded_run, "--to", tmp_path / "set", "--config", file, "--fps", "20")
    assert result.returncode == 0, result.stderr
    (line,) = (tmp_path / "set/episodes.jsonl").read_text().splitlines()
    assert (json.loads(line)["kind"], json.loads(line)["fps"]) == ("anomalous", 20)


@pytest.mark.parametrize("value", ["robot", "aligned", ""])
def test_other_pictures_than_there_are_are_refused(coded_run: Path, tmp_path: Path, value: str) -> None:
    result = run_here("export", "clips", coded_run, "--to", tmp_path / "set", "--video", value)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "must be one of rectified, raw" in result.stderr


def test_a_run_that_cannot_be_read_is_named_and_the_others_are_exported(tmp_path: Path) -> None:
    for name, run_id in (("a", "1" * 16), ("b", "2" * 16), ("c", "3" * 16)):
        make_coded_run(tmp_path, name=name, run_id=run_id, segments=[CodedSegment(0.0, 0.5)])
    (tmp_path / "runs/a/events.jsonl").write_text("")  # just begun
    newer = tmp_path / "runs/b/run.json"
    newer.write_text(json.dumps({**json.loads(newer.read_text()), "v": 99}))
    result = run_here("export", "clips", tmp_path / "runs", "--to", tmp_path / "set", "--video", "raw")
    assert result.returncode == 4
    assert "runs/a: " in result.stdout
    assert "newer version" in result.stdout
    assert [path.name for path in (tmp_path / "set/clips").iterdir()] == ["c-s0000.mp4"]
    alone = run_here("export", "clips", tmp_path / "runs/b", "--to", tmp_path / "other", "--video", "raw")
    assert (alone.returncode, "newer version" in alone.stderr) == (2, True)


def test_a_run_that_is_named_twice_counts_once(coded_run: Path, tmp_path: Path) -> None:
    result = run_here("export", "clips", coded_run, coded_run.parent, "--to", tmp_path / "set", "--video", "raw")
    assert "3 episodes, 0:00:04.0, of 1 run" in result.stdout
    assert "3 episodes added" in result.stdout


def test_progress_counts_the_video_of_the_data_set(tmp_path: Path) -> None:
    segments = [CodedSegment(0.0, 10.0), CodedSegment(10.0, 22.0, "anomalous")]
    run = make_coded_run(tmp_path, segments=segments)
    words: list[str | Path] = ["export", "clips", run, "--video", "raw", "--size", "64", "--to", tmp_path / "set"]
    output = run_here(*words, "--select", "anomalous").stdout
    assert "set  0:00:10.0 of 0:00:12.0" in output
    assert "set  0:00:10.0 of 0:00:22.0" not in output
    assert "set  0:00:20.0 of 0:00:22.0" in run_here(*words).stdout


@pytest.mark.parametrize(("width_px", "height_px"), [(320, 192), (128, 128)])
def test_a_clip_that_changes_is_exported_as_its_run_saw_it(tmp_path: Path, width_px: int, height_px: int) -> None:
    """A change of size is rendered in the first size; after a change of shape there is no segment."""
    parts = [part(tmp_path / "a.mp4"), part(tmp_path / "b.mp4", width_px=width_px, height_px=height_px)]
    run_inline(joined(tmp_path / "clip.mp4", parts), *GRID, "--out", tmp_path / "runs", "--no-rectify")
    result = run_here("export", "clips", tmp_path / "runs/clip", "--to", tmp_path / "set", "--video", "raw")
    assert result.returncode == 0, result.stdout
    (line,) = (json.loads(text) for text in (tmp_path / "set/episodes.jsonl").read_text().splitlines())
    assert (line["width_px"], line["height_px"]) == (160, 96)
    assert len(numbers_in(tmp_path / "set" / line["file"])) == line["frames"]


def test_a_run_of_a_clip_on_the_hub_is_exported_from_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clip_bytes(tmp_path, frames=30)
    with serving(worker_repo(EGO_100K, clip)) as hub:
        point_client_at(hub, tmp_path, monkeypatch)
        assert run_inline(EGO_100K.clip(2), *GRID, "--out", "runs", "--no-rectify").returncode == 0
        hub.repos[0].earlier, hub.repos[0].commit = (hub.repos[0].commit,), "f" * 40
        pinned_commit.cache_clear()
        offline = run_here("export", "clips", "runs", "--to", "set", "--video", "raw", "--offline")
        assert (offline.returncode, "--offline forbids the network" in offline.stdout) == (2, True)
        result = run_here("export", "clips", "runs", "--to", "set", "--video", "raw")
    assert result.returncode == 0, result.stdout
    (line,) = (json.loads(text) for text in (tmp_path / "set/episodes.jsonl").read_text().splitlines())
    assert line["worker"].startswith("factory")


def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        make_coded_run(tmp_path, name=name, run_id=name * 16, segments=[CodedSegment(0.0, 0.5), CodedSegment(0.5, 1.0)])
    for workers in ("1", "4"):
        words = ("export", FORMATS, tmp_path / "runs", "--video", "raw", "--to", tmp_path / workers)
        assert run_here(*words, "--workers", workers).returncode == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "4")


def test_the_robots_view_is_refused_with_its_reason(tmp_path: Path) -> None:
    result = run_here("export", "clips", tmp_path, "--to", tmp_path / "set", "--video", "robot")
    assert result.returncode == 2
    assert "--video robot: must be one of rectified, raw, because the robot's view does not exist" in result.stderr
