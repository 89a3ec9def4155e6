"""``export lerobot`` and ``lerobot21``: the files that LeRobot loads, and what remains of an interrupted export."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

import exporters.formats.lerobot
import exporters.formats.lerobot21
from tests.support.coded_run import FPS, SEGMENTS, SHORT, CodedSegment, make_coded_run, numbers_in
from tests.support.exports import contents, export
from tests.support.inline import run_here

FRAMES = [30, 22, 28]
CAPTION = "; ".join(SEGMENTS[0].words)


class ModalityKey(BaseModel):
    original_key: str | None = None


class Modality(BaseModel):
    """``LeRobotModalityMetadata`` of NVIDIA/Isaac-GR00T, ``gr00t/data/schema.py``."""

    state: dict[str, ModalityKey]
    action: dict[str, ModalityKey]
    video: dict[str, ModalityKey]
    annotation: dict[str, ModalityKey] | None = None


def made(folder: Path, name: str, run: Path, *options: str) -> Path:
    export(name, run, folder / name, *options)
    return folder / name


@pytest.fixture(name="older")
def _older(exported: Path) -> Path:
    return exported / "lerobot21"


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_v21_has_a_table_and_a_video_for_each_episode(older: Path) -> None:
    info = json.loads((older / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_episodes"], info["total_videos"]) == ("v2.1", 3, 3)
    assert (info["total_frames"], info["fps"], info["total_chunks"]) == (sum(FRAMES), FPS, 1)
    first = 0
    for number, frames in enumerate(FRAMES):
        names = {"episode_chunk": 0, "episode_index": number, "video_key": "observation.images.ego"}
        table = pq.read_table(older / info["data_path"].format(**names))
        assert table.column("index").to_pylist() == list(range(first, first + frames))
        assert np.array_equal(table.column("timestamp").to_numpy(), (np.arange(frames) / FPS).astype(np.float32))
        assert set(table.column_names) == {name for name, each in info["features"].items() if each["dtype"] != "video"}
        assert numbers_in(older / info["video_path"].format(**names)) == list(range(first, first + frames))
        first += frames
    assert [line["length"] for line in lines(older / "meta/episodes.jsonl")] == FRAMES


def test_v21_says_task_and_subtask_of_every_frame_by_number(older: Path) -> None:
    texts = {line["task_index"]: line["task"] for line in lines(older / "meta/tasks.jsonl")}
    table = pq.read_table(older / "data/chunk-000/episode_000000.parquet")
    assert {texts[number] for number in table.column("task_index").to_pylist()} == {CAPTION}
    subtasks = [texts[number] for number in table.column("annotation.human.action.subtask").to_pylist()]
    assert subtasks == ["pick up the screw"] * 15 + ["drive the screw in"] * 15
    failed = pq.read_table(older / "data/chunk-000/episode_000001.parquet")
    assert {texts[number] for number in failed.column("task_index").to_pylist()} == {""}


def test_v21_has_statistics_for_each_episode_without_quantiles(older: Path) -> None:
    info = json.loads((older / "meta/info.json").read_text())
    statistics = lines(older / "meta/episodes_stats.jsonl")
    assert [line["episode_index"] for line in statistics] == [0, 1, 2]
    for line, frames in zip(statistics, FRAMES, strict=True):
        assert set(line["stats"]) == set(info["features"])
        assert all(set(each) == {"min", "max", "mean", "std", "count"} for each in line["stats"].values())
        assert all(each["count"] == [frames] for each in line["stats"].values())
        assert np.shape(line["stats"]["observation.images.ego"]["mean"]) == (3, 1, 1)


def test_modality_names_the_keys_that_gr00t_looks_for(older: Path) -> None:
    modality = Modality.model_validate_json((older / "meta/modality.json").read_bytes())
    info = json.loads((older / "meta/info.json").read_text())
    keys = [each.original_key for part in (modality.video, modality.annotation or {}) for each in part.values()]
    assert set(keys) <= set(info["features"])
    assert (modality.state, modality.action) == ({}, {})
    assert "GR00T" in (older / "README.md").read_text()


def test_v21_without_language_has_no_subtasks(coded_run: Path, tmp_path: Path) -> None:
    root = made(tmp_path, "lerobot21", coded_run, "--language", "none")
    assert "annotation.human.action.subtask" not in json.loads((root / "meta/info.json").read_text())["features"]
    assert len(lines(root / "meta/tasks.jsonl")) == 2


def test_v30_has_statistics_of_every_number_also_of_subtasks(coded_run: Path, tmp_path: Path) -> None:
    root = made(tmp_path, "lerobot", coded_run, "--language", "subtask")
    found = json.loads((root / "meta/stats.json").read_text())
    assert set(found) == set(json.loads((root / "meta/info.json").read_text())["features"])
    subtasks = pq.read_table(root / "data/chunk-000/file-000.parquet").column("subtask_index").to_numpy()
    assert found["subtask_index"]["mean"] == pytest.approx([subtasks.mean()])
    assert found["subtask_index"]["std"] == pytest.approx([subtasks.std()])
    assert found["subtask_index"]["q50"] == [np.quantile(subtasks, 0.5)]


@pytest.mark.parametrize("name", ["lerobot", "lerobot21"])
def test_metadata_never_contradicts_the_words_of_the_frames(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words that come later renumber the tasks: interrupted between frames and metadata, nothing loads wrongly."""
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.3), *SHORT[1:]])
    root = made(tmp_path, name, run)
    assert (root / "meta/info.json").exists()
    make_coded_run(tmp_path, segments=SHORT)
    module = getattr(exporters.formats, name)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_meta", interrupt)
        assert run_here("export", name, run, "--to", root, "--video", "raw").returncode != 0
    assert not (root / "meta/info.json").exists()
    made(tmp_path, name, run)
    again = tmp_path / "again"
    assert contents(root) == contents(made(again, name, run))


def interrupt(*_: object) -> None:
    raise OSError(5, "the disk is gone")
