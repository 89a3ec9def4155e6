"""``export`` of runs that grow, in any order of their annotations: the same bytes as one export in the end."""

import json
import tarfile
from pathlib import Path
from unittest.mock import patch

import pytest

from exporters.formats import lerobot
from tests.support.coded_run import CodedSegment, make_coded_run
from tests.support.exports import contents
from tests.support.inline import run_here

FORMATS = "lerobot,webdataset"
WORDS = [CodedSegment(number / 2, number / 2 + 0.5, words=(f"step {number % 3}",)) for number in range(6)]


def export(runs: Path, to: Path, formats: str = FORMATS, *more: str | Path, code: int = 0) -> str:
    done = run_here("export", formats, runs, "--to", to, "--video", "raw", *more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def without_outcome(run: Path, segment_id: str) -> None:
    """Take the outcome of one segment out of the log, as if its annotator were still at it."""
    log = run / "events.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    left = [each for each in lines if each.get("segment_id") != segment_id or each["event"] == "segment.closed"]
    log.write_text("".join(json.dumps({**each, "seq": seq}) + "\n" for seq, each in enumerate(left)))


@pytest.mark.slow
def test_a_segment_that_is_described_after_the_next_one_keeps_its_place(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=WORDS)
    export(run, tmp_path / "whole")
    make_coded_run(tmp_path, segments=WORDS[:4], finished=False)
    without_outcome(run, "s0001")
    assert "1 episode added" in export(run, tmp_path / "grown")
    make_coded_run(tmp_path, segments=WORDS[:5], finished=False)
    assert "4 episodes added" in export(run, tmp_path / "grown")
    make_coded_run(tmp_path, segments=WORDS)
    assert "1 episode added, 0 updated" in export(run, tmp_path / "grown")
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def test_new_episodes_of_several_runs_come_after_those_that_are_there(tmp_path: Path) -> None:
    """So an episode keeps its number for good."""
    for part in (WORDS[:2], WORDS[:4]):
        for name in ("a", "b"):
            make_coded_run(tmp_path, name=name, run_id=name * 16, segments=WORDS)  # the clip is whole
            make_coded_run(tmp_path, name=name, run_id=name * 16, segments=part, finished=False)
        export(tmp_path / "runs", tmp_path / "set", "clips")
    keys = [json.loads(line)["key"] for line in (tmp_path / "set/episodes.jsonl").read_text().splitlines()]
    assert keys == [f"{name}-s000{number}" for numbers in ((0, 1), (2, 3)) for name in "ab" for number in numbers]


@pytest.mark.parametrize("language", ["columns", "subtask"])
def test_frames_never_refer_to_a_text_that_is_still_to_be_written(tmp_path: Path, language: str) -> None:
    import pyarrow.parquet as pq

    run = make_coded_run(tmp_path, segments=[*WORDS[:3], CodedSegment(1.5, 2.0)])
    export(run, tmp_path / "set", "lerobot", "--language", language)
    make_coded_run(tmp_path, segments=[*WORDS[:3], CodedSegment(1.5, 2.0, words=("a new step",))])
    with patch.object(lerobot, "_write_meta", side_effect=KeyboardInterrupt):  # as if killed
        run_here("export", "lerobot", run, "--to", tmp_path / "set", "--video", "raw", "--language", language)
    tasks = pq.read_table(tmp_path / "set/meta/tasks.parquet").column("task").to_pylist()
    frames = pq.read_table(tmp_path / "set/data/chunk-000/file-000.parquet")
    assert tasks[frames.column("task_index").to_pylist()[-1]] == "a new step"
    if language == "subtask":
        subtasks = pq.read_table(tmp_path / "set/meta/subtasks.parquet").column("subtask").to_pylist()
        assert subtasks[frames.column("subtask_index").to_pylist()[-1]] == "a new step"


def test_a_shard_that_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=WORDS[:2])
    shard = tmp_path / "set/train-000000.tar"
    written = []
    for words in ("step 1", "step 1", "another"):
        make_coded_run(tmp_path, segments=[WORDS[0], CodedSegment(0.5, 1.0, words=(words,))])
        export(run, tmp_path / "set", "webdataset")
        written.append(shard.stat().st_ino)
    assert written[0] == written[1] != written[2]
    with tarfile.open(shard) as tar:
        assert tar.extractfile("clip-s0001.txt").read() == b"another"  # type: ignore[union-attr]  # a file


def test_tables_alone_need_no_clips(tmp_path: Path) -> None:
    """Nothing is cut, so the clip may be gone; what only a clip would tell is null."""
    import pyarrow.parquet as pq

    run = make_coded_run(tmp_path, segments=WORDS)
    export(run, tmp_path / "both", "parquet,clips")
    (tmp_path / "clip.mp4").unlink()
    assert "6 episodes added" in export(run, tmp_path / "set", "parquet")
    assert not list(tmp_path.glob("set/**/*.mp4"))
    alone, both = (
        pq.read_table(folder / "episodes.parquet") for folder in (tmp_path / "set", tmp_path / "both/parquet")
    )
    assert alone.schema.equals(both.schema)
    facts = {"repeated_frames", "dropped_pictures", "width_px", "height_px", "video_sha256"}
    assert alone.drop_columns(list(facts)).equals(both.drop_columns(list(facts)))
    assert [alone.column(name)[0].as_py() for name in sorted(facts)] == [None, None, None, "", None]
    export(run, tmp_path / "set", "parquet")


def test_a_run_with_damaged_actions_is_named_and_the_others_are_exported(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run = make_coded_run(tmp_path, name=name, run_id=name * 16, segments=WORDS[:2])
    (run / "b_annotations.json").write_text("[{]")
    shown = export(tmp_path / "runs", tmp_path / "set", "clips", code=4)
    assert "2 episodes added" in shown
    assert f"not exported: {run}: {run}/b_annotations.json is damaged" in shown
    assert "is damaged" in export(run, tmp_path / "other", "clips", code=3)


def test_workers_are_split_by_what_the_sidecars_of_their_clips_say(tmp_path: Path) -> None:
    for number in range(12):
        run = make_coded_run(tmp_path, name=f"c{number}", run_id=f"{number:016}", segments=WORDS[:1])
        manifest = json.loads((run / "run.json").read_text())
        manifest["source"]["sidecar"] = {"worker_id": f"w{number % 4}"} if number else None
        (run / "run.json").write_text(json.dumps(manifest))
    shown = export(tmp_path / "runs", tmp_path / "set", "clips", "--val-fraction", "0.5", "--dry-run")
    assert "train: 4 episodes of 2 workers, val: 8 episodes of 3 workers" in shown
    assert "1 of 12 runs name no worker, and each counts as one: a worker may be in both splits" in shown
