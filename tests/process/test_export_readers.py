"""Exports as the libraries that people use read them; those of LeRobot itself: ``tests.tools.lerobot_readers``."""

import json
from pathlib import Path

import pytest

from tests.support.coded_run import CodedSegment, make_coded_run
from tests.support.inline import run_here

SEGMENTS = [CodedSegment(number * 0.5, number * 0.5 + 0.5) for number in range(6)] + [
    CodedSegment(3.0, 4.0, words=("a", "b"))
]
"""More samples without words than those from which loaders infer the schema."""
KEYS = [f"v1_clip-s{number:04d}" for number in range(7)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose clip has a dot in its name, which would end the key of a sample."""
    folder = tmp_path_factory.mktemp("readers")
    run = make_coded_run(folder, name="v1.clip", segments=SEGMENTS)
    result = run_here("export", "webdataset,hf,lerobot", run, "--to", folder / "set", "--video", "raw")
    assert result.returncode == 0, result.stderr
    return folder / "set"


@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning")
def test_webdataset_gives_each_sample_with_its_members(exported: Path) -> None:
    import webdataset

    shard = str(exported / "webdataset/train-000000.tar")
    samples = list(webdataset.WebDataset(shard, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == KEYS
    assert [sample["txt"].decode() for sample in samples] == [""] * 6 + ["a; b"]
    for sample in samples:
        facts = json.loads(sample["json"])
        assert sample["mp4"] == (exported / f".export/clips/{facts['key']}.mp4").read_bytes()


@pytest.mark.parametrize(("folder", "video"), [("hf", "video"), ("webdataset", "mp4")])
def test_datasets_loads_every_sample_in_the_types_that_were_written(
    exported: Path, tmp_path: Path, folder: str, video: str
) -> None:
    import datasets

    loaded = datasets.load_dataset(str(exported / folder), split="train", cache_dir=str(tmp_path))
    assert isinstance(loaded.features[video], datasets.Video)
    samples = list(loaded.cast_column(video, datasets.Video(decode=False)))
    facts = samples if folder == "hf" else [sample["json"] for sample in samples]
    assert [each["key"] for each in facts] == KEYS
    assert [each["caption"] for each in facts] == [""] * 6 + ["a; b"]
    assert [each["t_start_s"] for each in facts] == [segment.t_start_s for segment in SEGMENTS]
    assert [each["score_max"] for each in facts] == pytest.approx([0.05 + 0.1 * number for number in range(7)])
    assert [action["subtask"] for action in json.loads(facts[6]["actions"])] == ["a", "b"]


def test_datasets_loads_the_frames_of_lerobot(exported: Path, tmp_path: Path) -> None:
    """The hub's viewer shows what ``datasets`` loads."""
    import datasets

    frames = datasets.load_dataset(str(exported / "lerobot"), split="train", cache_dir=str(tmp_path))
    assert frames["index"][:] == list(range(80))
    assert [row["content"] for row in frames[79]["language_persistent"]] == ["a", "b"]
