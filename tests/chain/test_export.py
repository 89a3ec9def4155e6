"""``export``: what each format holds, read by the programs that read it."""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webvtt

from exporters.formats.subtitles import subtitles
from tests.support.coded_run import FPS, SEGMENTS, CodedSegment, make_coded_run, number_of, numbers_in
from tests.support.export_contents import contents
from tests.support.inline import run_here
from tests.unit.test_export_expression import episode

FRAMES = [30, 22, 28]
FIRST = [0, 30, 52]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_coded_run(tmp_path_factory.mktemp("coded"))


@pytest.fixture(scope="module")
def everything(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats, exported in one call."""
    folder = tmp_path_factory.mktemp("export") / "all"
    formats = "lerobot,lerobot21,webdataset,hf,cosmos,clips,frames,vtt,parquet"
    result = run_here("export", formats, run, "--to", folder, "--video", "raw", "--license", "apache-2.0")
    assert result.returncode == 0, result.stderr
    assert "3 episodes added, 0 updated: 3 in" in result.stdout
    return folder


def test_every_frame_of_every_clip_is_the_frame_of_its_time(everything: Path) -> None:
    clips = [everything / "clips" / "clips" / f"clip-s{number:04d}.mp4" for number in range(3)]
    for clip, first, frames in zip(clips, FIRST, FRAMES, strict=True):
        assert numbers_in(clip) == list(range(first, first + frames))


def test_lerobot_has_a_row_for_each_frame(everything: Path) -> None:
    import pyarrow.parquet as pq

    root = everything / "lerobot"
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


def test_lerobot_names_tasks_by_their_text(everything: Path) -> None:
    import pyarrow.parquet as pq

    schema = pq.read_schema(everything / "lerobot/meta/tasks.parquet")
    assert json.loads(schema.metadata[b"pandas"])["index_columns"] == ["task"]
    tasks = pq.read_table(everything / "lerobot/meta/tasks.parquet").to_pydict()
    assert tasks == {"task_index": [0, 1], "task": ["pick up the screw; drive the screw in", ""]}


def test_lerobot_says_each_subtask_from_its_frame_on(everything: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(everything / "lerobot/data/chunk-000/file-000.parquet")
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


def test_lerobots_statistics_are_those_of_all_frames(everything: Path) -> None:
    stats = json.loads((everything / "lerobot/meta/stats.json").read_text())
    index = np.arange(sum(FRAMES))
    assert stats["index"]["mean"] == [index.mean()]
    assert stats["index"]["q99"] == [np.quantile(index, 0.99)]
    pictures = stats["observation.images.ego"]
    assert np.shape(pictures["mean"]) == (3, 1, 1)
    assert 0.0 <= pictures["min"][0][0][0] < pictures["q50"][0][0][0] < pictures["max"][0][0][0] <= 1.0


def test_webdataset_samples_have_the_same_members_and_keys(everything: Path) -> None:
    with tarfile.open(everything / "webdataset/train-000000.tar") as tar:
        names = tar.getnames()
        facts = [json.load(tar.extractfile(name)) for name in names if name.endswith(".json")]  # type: ignore[arg-type]  # a file
        texts = [tar.extractfile(name).read().decode() for name in names if name.endswith(".txt")]  # type: ignore[union-attr]  # a file
    assert names == [f"clip-s{number:04d}.{ending}" for number in range(3) for ending in ("mp4", "json", "txt")]
    assert texts == ["pick up the screw; drive the screw in", "", ""]
    assert len({tuple((key, type(value)) for key, value in each.items()) for each in facts}) == 1
    assert all(value is not None for each in facts for value in each.values())


def test_the_video_folder_names_every_clip(everything: Path) -> None:
    lines = [json.loads(line) for line in (everything / "hf/train/metadata.jsonl").read_text().splitlines()]
    assert [line["file_name"] for line in lines] == [f"clip-s{number:04d}.mp4" for number in range(3)]
    assert all((everything / "hf/train" / line["file_name"]).is_file() for line in lines)


def test_cosmos_has_pairs_and_no_empty_caption(everything: Path) -> None:
    assert [path.stem for path in sorted((everything / "cosmos/videos").iterdir())] == ["clip-s0000"]
    assert [path.read_text() for path in (everything / "cosmos/metas").iterdir()] == [
        "pick up the screw; drive the screw in\n"
    ]


def test_the_table_of_clips_has_a_line_for_each(everything: Path) -> None:
    with (everything / "clips/episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["key"], row["outcome"], row["reason"]) for row in rows] == [
        ("clip-s0000", "annotated", ""),
        ("clip-s0001", "failed", "the annotator gave no answer"),
        ("clip-s0002", "annotated", ""),
    ]


def test_every_frame_is_a_picture(everything: Path) -> None:
    import cv2

    for number, first in enumerate(FIRST):
        folder = everything / f"frames/frames/clip-s{number:04d}"
        pictures = sorted(folder.glob("*.jpg"))
        numbers = [number_of(cv2.imread(str(path))) for path in pictures]  # type: ignore[arg-type]  # uint8
        assert numbers == list(range(first, first + FRAMES[number]))
        assert json.loads((folder / "episode.json").read_text())["frames"] == FRAMES[number]


def test_subtitles_say_what_was_described(everything: Path) -> None:
    cues = webvtt.read(str(everything / "vtt/clip-s0000.vtt")).captions
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [
        ("00:00:00.000", "00:00:00.750", "pick up the screw"),
        ("00:00:00.750", "00:00:01.500", "drive the screw in"),
    ]
    assert webvtt.read(str(everything / "vtt/clip-s0001.vtt")).captions[0].text.startswith("[anomalous, failed")


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
    actions = [{"t_start_s": 0, "t_end_s": 1, "active": True, "subtask": words}]
    (tmp_path / "a.vtt").write_text(subtitles(episode(actions=actions)))
    assert [each.text for each in webvtt.read(str(tmp_path / "a.vtt")).captions] == [cue]


def test_parquet_tables_hold_episodes_and_actions(everything: Path) -> None:
    import pyarrow.parquet as pq

    episodes = pq.read_table(everything / "parquet/episodes.parquet")
    assert episodes.column("frames").to_pylist() == FRAMES
    actions = pq.read_table(everything / "parquet/actions.parquet").to_pylist()
    assert [action["subtask"] for action in actions] == ["pick up the screw", "drive the screw in", ""]
    assert actions[0]["objects"][0]["xyxy"] == [20.0, 40.0, 60.0, 80.0]
    assert (actions[0]["objects"][0]["width_px"], actions[0]["objects"][0]["height_px"]) == (256, 128)


def test_provenance_names_source_and_models(everything: Path) -> None:
    provenance = json.loads((everything / "lerobot/meta/provenance.json").read_text())
    assert provenance["generated_pixels"] == 0.0
    (its_run,) = provenance["runs"]
    assert (its_run["licence"], its_run["encoder"]["model"]) == ("apache-2.0", "grid")
    assert its_run["source"]["name"] == "clip.mp4"
    assert its_run["annotators"] == [{"model": "test-model"}]
    card = (everything / "lerobot/README.md").read_text()
    assert "license: apache-2.0" in card
    assert "test-model" in card


def test_a_second_call_changes_nothing(everything: Path, run: Path) -> None:
    before = contents(everything)
    formats = "lerobot,lerobot21,webdataset,hf,cosmos,clips,frames,vtt,parquet"
    result = run_here("export", formats, run, "--to", everything, "--video", "raw", "--license", "apache-2.0")
    assert "0 episodes added, 0 updated" in result.stdout
    assert contents(everything) == before


def test_a_growing_run_adds_what_is_new(tmp_path: Path) -> None:
    longer = (*SEGMENTS, CodedSegment(4.0, 5.0, words=("put the tool down",)))
    run = make_coded_run(tmp_path, segments=longer)
    whole = tmp_path / "whole"
    assert run_here("export", "lerobot", run, "--to", whole, "--video", "raw").returncode == 0
    make_coded_run(tmp_path, segments=longer[:2], finished=False)
    grown = tmp_path / "grown"
    assert "2 episodes added" in run_here("export", "lerobot", run, "--to", grown, "--video", "raw").stdout
    make_coded_run(tmp_path, segments=longer)
    assert "2 episodes added" in run_here("export", "lerobot", run, "--to", grown, "--video", "raw").stdout
    assert contents(grown) == contents(whole)


def test_words_that_come_later_are_updated(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 1.5), *SEGMENTS[1:]])
    folder = tmp_path / "set"
    assert run_here("export", "vtt", run, "--to", folder, "--video", "raw").returncode == 0
    make_coded_run(tmp_path)
    result = run_here("export", "vtt", run, "--to", folder, "--video", "raw")
    assert "0 episodes added, 1 updated" in result.stdout
    assert "pick up the screw" in (folder / "clip-s0000.vtt").read_text()


@pytest.mark.parametrize(
    ("select", "keys"),
    [
        (["--select", "anomalous"], ["clip-s0001"]),
        (["--select", "described"], ["clip-s0000", "clip-s0002"]),
        (["--where", "score_max > 0.12"], ["clip-s0001", "clip-s0002"]),
        (["--where", "'screw' in words"], ["clip-s0000"]),
    ],
)
def test_only_what_is_selected_is_exported(run: Path, tmp_path: Path, select: list[str], keys: list[str]) -> None:
    assert run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw", *select).returncode == 0
    assert [path.stem for path in sorted((tmp_path / "set/clips").iterdir())] == keys


def test_long_segments_become_several_episodes(run: Path, tmp_path: Path) -> None:
    result = run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw", "--longest-s", "1")
    assert result.returncode == 0
    clips = sorted((tmp_path / "set/clips").iterdir())
    numbers = [number for clip in sorted(clips, key=lambda path: numbers_in(path)[0]) for number in numbers_in(clip)]
    assert numbers == list(range(80))


def test_boxes_are_on_the_part_that_shows_their_keyframe(tmp_path: Path) -> None:
    """A segment is cut within its first action: the rest of the action has words and no boxes."""
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 4.0, words=("drive the screw in",))])
    words: list[str | Path] = ["export", "clips", run, "--to", tmp_path / "set", "--video", "raw", "--longest-s", "3"]
    assert run_here(*words).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "set/episodes.jsonl").read_text().splitlines()]
    assert [len(line["actions"][0]["objects"]) for line in lines] == [1, 0]
    assert [line["caption"] for line in lines] == ["drive the screw in"] * 2


def test_a_dry_run_writes_nothing(run: Path, tmp_path: Path) -> None:
    result = run_here("export", "clips", run, "--to", tmp_path / "set", "--video", "raw", "--dry-run")
    assert (result.returncode, (tmp_path / "set").exists()) == (0, False)
    assert "3 episodes, 0:00:04.0, of 1 runs, as clips" in result.stdout
