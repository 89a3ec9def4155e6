"""``export``: what each format holds, read by the programs that read it."""

import csv
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webvtt

from exporters.formats.subtitles import subtitles
from tests.support.arrays import bare_folder
from tests.support.coded_run import FPS, SHORT, CodedSegment, make_coded_run, number_of, numbers_in
from tests.support.episodes import with_words
from tests.support.exports import READABLE, contents, export
from tests.support.inline import run_here

FRAMES = [30, 22, 28]
FIRST = [0, 30, 52]


@pytest.mark.slow
def test_every_frame_of_every_clip_is_the_frame_of_its_time(exported: Path) -> None:
    clips = [exported / "clips" / "clips" / f"clip-s{number:04d}.mp4" for number in range(3)]
    for clip, first, frames in zip(clips, FIRST, FRAMES, strict=True):
        assert numbers_in(clip) == list(range(first, first + frames))


def test_lerobot_has_a_row_for_each_frame(exported: Path) -> None:
    import pyarrow.parquet as pq

    root = exported / "lerobot"
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_frames"], info["fps"]) == ("v3.0", sum(FRAMES), FPS)
    table = pq.read_table(root / "data/chunk-000/file-000.parquet")
    assert table.column("index").to_pylist() == list(range(sum(FRAMES)))
    assert table.column("episode_index").to_pylist() == list(np.repeat([0, 1, 2], FRAMES))
    times = table.column("timestamp").to_numpy()
    assert times.dtype == np.float32
    assert np.array_equal(times, np.concatenate([np.arange(count) / FPS for count in FRAMES]).astype(np.float32))
    for name, feature in info["features"].items():
        assert feature["dtype"] == "video" or name in table.column_names
    for number, first in enumerate(FIRST):
        video = root / info["video_path"].format(video_key="observation.images.ego", chunk_index=0, file_index=number)
        assert numbers_in(video) == list(range(first, first + FRAMES[number]))


def test_lerobot_names_tasks_by_their_text(exported: Path) -> None:
    import pyarrow.parquet as pq

    schema = pq.read_schema(exported / "lerobot/meta/tasks.parquet")
    assert json.loads(schema.metadata[b"pandas"])["index_columns"] == ["task"]
    tasks = pq.read_table(exported / "lerobot/meta/tasks.parquet").to_pydict()
    assert tasks == {"task_index": [0, 1], "task": ["pick up the screw; drive the screw in", ""]}


def test_lerobot_says_each_subtask_from_its_frame_on(exported: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(exported / "lerobot/data/chunk-000/file-000.parquet")
    persistent = table.column("language_persistent").to_pylist()
    spans = [(row["timestamp"], row["content"]) for row in persistent[0]]
    assert spans == [(0.0, "pick up the screw"), (0.75, "drive the screw in")]
    assert all(rows == persistent[0] for rows in persistent[:30])
    assert persistent[30] == []  # the annotator failed
    assert [(row["timestamp"], row["content"]) for row in persistent[52]] == [(0.0, "idle")]
    events = table.column("language_events").to_pylist()
    assert [number for number, rows in enumerate(events) if rows] == [0, 15]
    question, answer = events[15]
    assert (question["role"], answer["role"], answer["camera"]) == ("user", "assistant", "observation.images.ego")
    box = json.loads(answer["content"])["detections"][0]
    assert box == {"label": "screw", "bbox_format": "xyxy", "bbox": [10.0, 20.0, 30.0, 40.0]}  # half a keyframe


def test_lerobots_statistics_are_those_of_all_frames(exported: Path) -> None:
    stats = json.loads((exported / "lerobot/meta/stats.json").read_text())
    index = np.arange(sum(FRAMES))
    assert stats["index"]["mean"] == [index.mean()]
    assert stats["index"]["q99"] == [np.quantile(index, 0.99)]
    pictures = stats["observation.images.ego"]
    assert np.shape(pictures["mean"]) == (3, 1, 1)
    assert 0.0 <= pictures["min"][0][0][0] < pictures["q50"][0][0][0] < pictures["max"][0][0][0] <= 1.0


def test_webdataset_samples_have_the_same_members_and_keys(exported: Path) -> None:
    with tarfile.open(exported / "webdataset/train-000000.tar") as tar:
        names = tar.getnames()
        facts = [json.load(tar.extractfile(name)) for name in names if name.endswith(".json")]  # type: ignore[arg-type]  # a file
        texts = [tar.extractfile(name).read().decode() for name in names if name.endswith(".txt")]  # type: ignore[union-attr]  # a file
    assert names == [f"clip-s{number:04d}.{ending}" for number in range(3) for ending in ("mp4", "json", "txt")]
    assert texts == ["pick up the screw; drive the screw in", "", ""]
    assert len({tuple((key, type(value)) for key, value in each.items()) for each in facts}) == 1
    assert all(value is not None for each in facts for value in each.values())


def test_the_video_folder_names_every_clip(exported: Path) -> None:
    lines = [json.loads(line) for line in (exported / "hf/train/metadata.jsonl").read_text().splitlines()]
    assert [line["file_name"] for line in lines] == [f"clip-s{number:04d}.mp4" for number in range(3)]
    assert all((exported / "hf/train" / line["file_name"]).is_file() for line in lines)


def test_cosmos_has_pairs_and_no_empty_caption(exported: Path) -> None:
    assert [path.stem for path in sorted((exported / "cosmos/videos").iterdir())] == ["clip-s0000"]
    assert [path.read_text() for path in (exported / "cosmos/metas").iterdir()] == [
        "pick up the screw; drive the screw in\n"
    ]


def test_the_table_of_clips_has_a_line_for_each(exported: Path) -> None:
    with (exported / "clips/episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["key"], row["outcome"], row["reason"]) for row in rows] == [
        ("clip-s0000", "annotated", ""),
        ("clip-s0001", "failed", "the annotator gave no answer"),
        ("clip-s0002", "annotated", ""),
    ]


def test_every_frame_is_a_picture(exported: Path) -> None:
    import cv2

    for number, first in enumerate(FIRST):
        folder = exported / f"frames/frames/clip-s{number:04d}"
        pictures = sorted(folder.glob("*.jpg"))
        numbers = [number_of(cv2.imread(str(path))) for path in pictures]  # type: ignore[arg-type]  # uint8
        assert numbers == list(range(first, first + FRAMES[number]))
        assert json.loads((folder / "episode.json").read_text())["frames"] == FRAMES[number]


def test_subtitles_say_what_was_described(exported: Path) -> None:
    cues = webvtt.read(str(exported / "vtt/clip-s0000.vtt")).captions
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [
        ("00:00:00.000", "00:00:00.750", "pick up the screw"),
        ("00:00:00.750", "00:00:01.500", "drive the screw in"),
    ]
    assert webvtt.read(str(exported / "vtt/clip-s0001.vtt")).captions[0].text.startswith("[anomalous, failed")


@pytest.mark.parametrize(
    ("words", "cue"),
    [
        ("a --> b", "a --&gt; b"),
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
        ("one\n\ntwo", "one two"),
        ("a & b", "a &amp; b"),
        ("", "[no words]"),
    ],
)
def test_subtitles_hold_any_words(words: str, cue: str, tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(subtitles(with_words(words)))
    assert [each.text for each in webvtt.read(str(tmp_path / "a.vtt")).captions] == [cue]


def test_parquet_tables_hold_episodes_and_actions(exported: Path) -> None:
    import pyarrow.parquet as pq

    episodes = pq.read_table(exported / "parquet/episodes.parquet")
    assert episodes.column("frames").to_pylist() == FRAMES
    actions = pq.read_table(exported / "parquet/actions.parquet").to_pylist()
    assert [action["subtask"] for action in actions] == ["pick up the screw", "drive the screw in", ""]
    assert actions[0]["objects"][0]["xyxy"] == [20.0, 40.0, 60.0, 80.0]
    assert (actions[0]["objects"][0]["width_px"], actions[0]["objects"][0]["height_px"]) == (256, 128)


def test_parquet_has_the_embeddings_of_windows_as_the_encoder_gave_them(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.3)])
    layout = bare_folder(run)
    stored = np.load(layout.embeddings)
    stored[2] = np.nan
    np.save(layout.embeddings, stored)
    export("parquet", run, tmp_path / "set")
    table = pq.read_table(tmp_path / "set/windows/clip-5406c1cfbd5d8241.parquet")
    assert table.column("t_s").to_pylist() == [0.0, 1.0, 3.0, 4.0, 5.0]
    assert np.array_equal(np.array(table.column("embedding").to_pylist(), np.float32), np.delete(stored, 2, axis=0))


def test_damaged_arrays_are_named_and_no_windows_are_none(coded_run: Path, exported: Path, tmp_path: Path) -> None:
    assert not (exported / "parquet/windows").exists()
    run = shutil.copytree(coded_run, tmp_path / "runs/clip")
    bare_folder(run).embeddings.write_bytes(b"torn")
    result = run_here("export", "parquet", run, "--to", tmp_path / "set", "--video", "raw")
    assert (result.returncode, "clip_emb.npy cannot be read as a numpy array" in result.stderr) == (3, True)


@pytest.mark.parametrize("name", READABLE)
def test_every_format_says_where_it_comes_from(exported: Path, name: str) -> None:
    root = exported / name
    found = json.loads((root / ("meta" if name.startswith("lerobot") else "") / "provenance.json").read_text())
    assert (found["generated_pixels"], found["output_type"]) == (0.0, "raw")
    (its_run,) = found["runs"]
    assert (its_run["licence"], its_run["encoder"]["model"]) == ("apache-2.0", "grid")
    assert its_run["source"]["name"] == "clip.mp4"
    assert its_run["annotators"] == [{"model": "test-model"}]
    card = (root / "README.md").read_text()
    assert "license: apache-2.0\n" in card
    assert "`test-model`" in card


def test_every_row_says_where_it_comes_from(exported: Path) -> None:
    rows = [json.loads(line) for line in (exported / "clips/episodes.jsonl").read_text().splitlines()]
    assert [row["annotator"] for row in rows] == ["test-model"] * 3
    for row in rows:
        assert (row["source"], row["licence"], row["encoder"]) == ("clip.mp4", "apache-2.0", "grid")
        assert (row["output_type"], row["generated_pixels"]) == ("raw", 0.0)
        assert json.loads(row["lens"])["picture"] == "raw"


def test_a_second_call_changes_nothing_and_makes_no_picture_again(exported: Path, coded_run: Path) -> None:
    before = contents(exported)
    pictures = {
        path: path.stat().st_mtime_ns for ending in ("hdf5", "zarr", "jpg") for path in exported.rglob(f"*.{ending}")
    }
    assert len(pictures) == 3 + 3 + sum(FRAMES)
    assert "0 episodes added, 0 updated" in export(",".join(READABLE), coded_run, exported, "--license", "apache-2.0")
    assert contents(exported) == before
    assert {path: path.stat().st_mtime_ns for path in pictures} == pictures


def test_a_growing_run_adds_what_is_new(tmp_path: Path) -> None:
    segments = (*SHORT, CodedSegment(0.9, 1.2, words=("put the tool down",)))
    run = make_coded_run(tmp_path, segments=segments)
    export("lerobot", run, tmp_path / "whole")
    make_coded_run(tmp_path, segments=segments[:2], finished=False)
    assert "2 episodes added" in export("lerobot", run, tmp_path / "grown")
    make_coded_run(tmp_path, segments=segments)
    assert "2 episodes added" in export("lerobot", run, tmp_path / "grown")
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def test_words_that_come_later_are_updated(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.3), *SHORT[1:]])
    export("vtt", run, tmp_path / "set")
    make_coded_run(tmp_path, segments=SHORT)
    assert "0 episodes added, 1 updated" in export("vtt", run, tmp_path / "set")
    assert "pick up the screw" in (tmp_path / "set/clip-s0000.vtt").read_text()


@pytest.mark.parametrize(
    ("select", "keys"),
    [
        (["--select", "anomalous"], ["clip-s0001"]),
        (["--select", "described"], ["clip-s0000", "clip-s0002"]),
        (["--where", "score_max > 0.12"], ["clip-s0001", "clip-s0002"]),
        (["--where", "'screw' in words"], ["clip-s0000"]),
    ],
)
def test_only_what_is_selected_is_exported(coded_run: Path, tmp_path: Path, select: list[str], keys: list[str]) -> None:
    assert run_here("export", "clips", coded_run, "--to", tmp_path / "set", "--video", "raw", *select).returncode == 0
    assert [path.stem for path in sorted((tmp_path / "set/clips").iterdir())] == keys


def test_long_segments_become_several_episodes(coded_run: Path, tmp_path: Path) -> None:
    result = run_here("export", "clips", coded_run, "--to", tmp_path / "set", "--video", "raw", "--longest-s", "1")
    assert result.returncode == 0
    clips = sorted((tmp_path / "set/clips").iterdir())
    numbers = [number for clip in sorted(clips, key=lambda path: numbers_in(path)[0]) for number in numbers_in(clip)]
    assert numbers == list(range(80))


def test_boxes_are_on_the_part_that_shows_their_keyframe(tmp_path: Path) -> None:
    """A segment is cut within its first action: the rest of the action has words and no boxes."""
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 1.5, words=("drive the screw in",))])
    export("clips", run, tmp_path / "set", "--longest-s", "1")
    lines = [json.loads(line) for line in (tmp_path / "set/episodes.jsonl").read_text().splitlines()]
    assert [len(line["actions"][0]["objects"]) for line in lines] == [1, 0]
    assert [line["caption"] for line in lines] == ["drive the screw in"] * 2


def test_a_dry_run_writes_nothing(coded_run: Path, tmp_path: Path) -> None:
    result = run_here("export", "clips", coded_run, "--to", tmp_path / "set", "--video", "raw", "--dry-run")
    assert (result.returncode, (tmp_path / "set").exists()) == (0, False)
    assert "3 episodes, 0:00:04.0, of 1 run, as clips" in result.stdout
