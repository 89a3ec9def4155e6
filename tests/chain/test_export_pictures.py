"""``export``: the formats that hold pictures, read by the libraries that read them."""

import json
import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import zarr

from tests.support.coded_run import FPS, CodedSegment, make_coded_run, number_of
from tests.support.exports import contents, export
from tests.support.full_disk import largest_file
from tests.support.inline import run_here

FRAMES = [30, 22, 28]
FIRST = [0, 30, 52]
FORMATS = "egohumanoid,egoverse"


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    segments = [CodedSegment(number * 0.2, number * 0.2 + 0.2, words=("turn",)) for number in range(3)]
    return make_coded_run(tmp_path_factory.mktemp("small"), segments=segments)


@pytest.fixture(scope="module")
def small(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "small"
    export(FORMATS, small_run, folder)
    return folder


def numbers_of(jpegs: Sequence[object]) -> list[int]:
    """The numbers that pictures show."""
    decoded = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in jpegs]  # type: ignore[call-overload]  # bytes
    return [number_of(picture) for picture in decoded]  # type: ignore[arg-type]  # uint8


def opened(path: Path) -> "zarr.Group":
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have a Zarr V3 specification")
        group = zarr.open_group(str(path), mode="r")
        assert set(group) == {"images.front_1", "annotations"}
        return group


def pictures_in(group: "zarr.Group") -> list[bytes]:
    """As EgoVerse reads them, one index at a time."""
    array = group["images.front_1"]
    return [array[index : index + 1][0] for index in range(group.attrs["total_frames"])]


def texts_at(group: "zarr.Group", frame: int) -> list[str]:
    """As EgoVerse finds the texts of a frame."""
    spans = [json.loads(entry) for entry in group["annotations"][:]]
    return [span["text"] for span in spans if span["start_idx"] <= frame < span["end_idx"]]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_every_index_of_an_hdf5_episode_is_its_frame(exported: Path, number: int) -> None:
    with h5py.File(exported / f"egohumanoid/episode_{number}.hdf5") as file:
        assert numbers_of(file["observation_image_left"]) == list(range(FIRST[number], FIRST[number] + FRAMES[number]))
        assert file["observation_image_left"].dtype == h5py.vlen_dtype(np.uint8)
        times = file["camera_timestamp"][:]
        assert times.dtype == np.int64
        assert list(times) == [(FIRST[number] + frame) * 1_000_000_000 // FPS for frame in range(FRAMES[number])]


def test_an_hdf5_episode_says_where_it_comes_from(exported: Path) -> None:
    with h5py.File(exported / "egohumanoid/episode_0.hdf5") as file:
        attributes = dict(file.attrs)
        assert set(file) == {"observation_image_left", "camera_timestamp"}  # neither poses nor commands
    assert (attributes["fps"], attributes["task"]) == (FPS, "pick up the screw; drive the screw in")
    assert json.loads(attributes["episode"])["segment_id"] == "s0000"
    assert json.loads(attributes["provenance"])["runs"][0]["source"]["name"] == "clip.mp4"


@pytest.mark.parametrize("number", range(3))
def test_every_index_of_a_zarr_episode_is_its_frame(exported: Path, number: int) -> None:
    group = opened(exported / f"egoverse/clip-s{number:04d}.zarr")
    assert numbers_of(pictures_in(group)) == list(range(FIRST[number], FIRST[number] + FRAMES[number]))
    assert group["images.front_1"].shape == (100,)
    assert group["images.front_1"].chunks == (1,)


def test_every_frame_of_a_zarr_episode_has_its_subtask(exported: Path) -> None:
    described, failed, idle = (opened(exported / f"egoverse/clip-s{number:04d}.zarr") for number in range(3))
    assert [texts_at(described, frame) for frame in range(30)] == [["pick up the screw"]] * 15 + [
        ["drive the screw in"]
    ] * 15
    assert failed["annotations"].shape == (0,)
    assert texts_at(idle, 27) == ["idle"]


def test_a_zarr_episode_has_what_its_reader_requires(exported: Path) -> None:
    attributes = dict(opened(exported / "egoverse/clip-s0000.zarr").attrs)
    assert (attributes["embodiment"], attributes["total_frames"], attributes["fps"]) == ("human_bimanual", 30, FPS)
    assert {name: feature["dtype"] for name, feature in attributes["features"].items()} == {
        "images.front_1": "jpeg",
        "annotations": "json",
    }
    assert attributes["features"]["images.front_1"]["shape"] == [64, 128, 3]
    assert attributes["egoclean_stream"]["provenance"]["generated_pixels"] == 0.0


def test_a_zarr_episode_may_be_longer_than_a_shard(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporters.formats.egoverse.FRAMES_PER_SHARD", 8)
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.85)])
    export("egoverse", run, tmp_path / "set")
    group = opened(tmp_path / "set/clip-s0000.zarr")
    assert numbers_of(pictures_in(group)) == list(range(17))
    assert (group["images.front_1"].shape, group["images.front_1"].shards) == ((24,), (8,))
    whole = opened(exported / "egoverse/clip-s0000.zarr")["images.front_1"]
    assert (whole.shape, whole.shards) == ((100,), (100,))


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost",
    [
        ["egohumanoid/episode_1.hdf5"],  # its record is there
        ["egohumanoid/episode_1.json"],  # killed between the two
        ["egoverse/clip-s0001.json", "egoverse/clip-s0002.zarr/zarr.json", "egoverse/clip-s0002.json"],
    ],
)
def test_what_is_missing_is_written_with_the_same_bytes(
    small_run: Path, small: Path, tmp_path: Path, lost: list[str]
) -> None:
    folder = shutil.copytree(small, tmp_path / "set")
    for name in lost:
        (folder / name).unlink()
    (folder / "egohumanoid/episode_1.hdf5.part").write_bytes(b"half of one")
    (folder / "egoverse/clip-s0001.zarr.part").mkdir()
    (folder / "egoverse/clip-s0001.zarr.part/zarr.json").write_bytes(b"{")
    export(FORMATS, small_run, folder)
    assert contents(folder) == contents(small)


def test_a_disk_that_is_full_at_the_last_byte_of_an_hdf5_episode_costs_nothing(tmp_path: Path) -> None:
    """HDF5 finds out when it closes the file, and says so in its own way."""
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.5)])
    words: list[str | Path] = ["export", "egohumanoid", run, "--video", "raw", "--to"]
    assert run_here(*words, tmp_path / "whole").returncode == 0
    with largest_file((tmp_path / "whole/episode_0.hdf5").stat().st_size - 1):
        done = run_here(*words, tmp_path / "full")
    assert (done.returncode, "no room left on the disk" in done.stderr) == (6, True)
    assert not list((tmp_path / "full").rglob("*.hdf5*"))
    assert run_here(*words, tmp_path / "full").returncode == 0
    assert contents(tmp_path / "full") == contents(tmp_path / "whole")


def test_words_that_come_later_are_in_the_pictures_files(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.5)])
    folder = tmp_path / "set"
    export(FORMATS, run, folder)
    assert texts_at(opened(folder / "egoverse/clip-s0000.zarr"), 0) == []
    make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.5, words=("pick up the screw", "drive the screw in"))])
    export(FORMATS, run, folder)
    assert texts_at(opened(folder / "egoverse/clip-s0000.zarr"), 0) == ["pick up the screw"]
    with h5py.File(folder / "egohumanoid/episode_0.hdf5") as file:
        assert file.attrs["task"] == "pick up the screw; drive the screw in"


@pytest.mark.parametrize(
    ("formats", "module", "extra"), [("egohumanoid", "h5py", "hdf5"), ("egoverse", "zarr", "zarr")]
)
def test_a_missing_package_is_named_before_any_work(
    coded_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    result = run_here("export", formats, coded_run, "--to", tmp_path / "set", "--video", "raw")
    assert result.returncode == 5
    assert f"this format needs {module}: pip install -e '.[{extra}]'" in result.stderr
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    "words", ["tighten\0 the bolt", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "w" * 70_000]
)
def test_an_hdf5_episode_holds_any_words(tmp_path: Path, words: str) -> None:
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.5, words=(words,))])
    export(FORMATS, run, tmp_path / "set")
    with h5py.File(tmp_path / "set/egohumanoid/episode_0.hdf5") as file:
        assert file.attrs["task"] == words.replace("\0", "")
        assert json.loads(file.attrs["episode"])["caption"] == words
    assert texts_at(opened(tmp_path / "set/egoverse/clip-s0000.zarr"), 0) == [words]


def test_each_split_is_a_folder(tmp_path: Path) -> None:
    for number in range(4):
        make_coded_run(tmp_path, name=f"clip{number}", run_id=f"{number}" * 16, segments=[CodedSegment(0.0, 0.2)])
    export("egohumanoid", tmp_path / "runs", tmp_path / "set", "--val-fraction", "0.5")
    counts = {split: len(list((tmp_path / "set" / split).glob("episode_*.hdf5"))) for split in ("train", "val")}
    assert sum(counts.values()) == 4
    assert all(counts.values())
    assert (tmp_path / "set/train/episode_0.hdf5").exists()
    assert (tmp_path / "set/val/episode_0.hdf5").exists()
