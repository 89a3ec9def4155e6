"""``align`` on HDF5 episodes, from the command line to the files."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import jsonschema
import numpy as np
import pytest

from models.depth.depth import Depth, ModelFacts
from stream.alignment.episodes.hdf5 import Hdf5Episode
from stream.alignment.items import SourceFrame
from stream.alignment.stages.spool_frames import SpoolFrames
from stream.pipeline.items import Item, UInt8
from stream.records.schema.generate import schemas
from stream.run import align_models
from tests.support.align_episodes import (
    DEPTH,
    FRAMES,
    HEIGHT_PX,
    IMAGES,
    WIDTH_PX,
    align,
    jpeg,
    make_camera,
    make_episode,
    picture,
)
from tests.support.full_disk import largest_file
from tests.support.inline import run_here


def record_of(tmp_path: Path, episode: str = "episode_0") -> dict[str, Any]:
    record: dict[str, Any] = json.loads((tmp_path / "out" / f"{episode}_alignment.json").read_text())
    return record


def frame_records(tmp_path: Path) -> list[dict[str, Any]]:
    path = tmp_path / "out" / "episode_0_alignment_frames.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("raw", [False, True])
def test_an_episode_keeps_everything_but_its_pictures(tmp_path: Path, *, raw: bool) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5", raw=raw)
    result = align(tmp_path, source, "--movement_distance", "0.07", "--save_h5")
    assert result.returncode == 0, result.stderr
    output = tmp_path / "out" / "episode_0.h5"
    with h5py.File(source) as before, h5py.File(output) as after:
        assert set(after) == {*before, f"{IMAGES}_origin"}
        assert dict(after["robot/action"].attrs) == dict(before["robot/action"].attrs)
        assert np.array_equal(after["robot/action"], before["robot/action"])
        for name in (DEPTH, "robot/action"):
            for fact in ("chunks", "compression", "compression_opts", "shuffle", "maxshape", "dtype"):
                assert getattr(after[name], fact) == getattr(before[name], fact)
        assert isinstance(after.get("same", getlink=True), h5py.SoftLink)
        assert after.attrs["task"] == "pour"
        assert isinstance(after.attrs["nothing"], h5py.Empty)
        assert after[IMAGES].attrs["camera"] == "left"
        assert (after[IMAGES].shape, after[IMAGES].dtype) == (before[IMAGES].shape, before[IMAGES].dtype)
        origin = after[f"{IMAGES}_origin"]
        assert (origin.shape, origin.dtype, origin.chunks) == (
            (FRAMES, HEIGHT_PX, WIDTH_PX),
            np.uint8,
            (1, HEIGHT_PX, WIDTH_PX),
        )
        real = [float(np.mean(origin[index] == 0)) for index in range(FRAMES)]
        assert json.loads(after.attrs["view_alignment"]) == record_of(tmp_path)
    assert [each["real_share"] for each in frame_records(tmp_path)] == pytest.approx(real)
    assert 0.5 < min(real) < 1.0


def test_the_file_hardly_grows_whatever_the_quality_of_its_jpegs(tmp_path: Path) -> None:
    def coarse(file: h5py.File) -> None:
        for index in range(FRAMES):
            file[IMAGES][index] = jpeg(picture(index), 60)

    source = make_episode(tmp_path / "raw" / "episode_0.hdf5", change=coarse)
    assert align(tmp_path, source, "--save_h5").returncode == 0
    with h5py.File(source) as before, h5py.File(tmp_path / "out" / "episode_0.h5") as after:
        sizes = [sum(len(each) for each in file[IMAGES]) for file in (before, after)]
    assert sizes[1] < 1.1 * sizes[0]


def test_the_record_follows_its_schema_and_states_the_pose(tmp_path: Path) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5")
    assert align(tmp_path, source, "--movement-distance", "0.07", "--license", "apache-2.0").returncode == 0
    record = record_of(tmp_path)
    jsonschema.validate(record, schemas()["alignment"])
    for each in frame_records(tmp_path):
        jsonschema.validate(each, schemas()["aligned_frames"])
    assert record["output_type"] == "derived_observation"
    assert np.array(record["viewpoint"]["target_from_source"]) == pytest.approx(
        np.array([[1, 0, 0, 0], [0, 1, 0, -0.07], [0, 0, 1, 0], [0, 0, 0, 1]])
    )
    assert record["rights"] == [{"part": "source", "name": "episode_0.hdf5", "licence": "apache-2.0"}]
    assert record["depth"]["unit"] == "metre"
    names = {path.name for path in (tmp_path / "out" / "episode_0").iterdir()}
    assert names == {f"frame_{index:06d}_{what}.png" for index in range(FRAMES) for what in ("result", "origin")}


def test_a_repeated_call_does_nothing_and_other_options_are_refused(tmp_path: Path) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5")
    assert align(tmp_path, source, "--save_h5").returncode == 0
    assert "nothing to do" in align(tmp_path, source, "--save_h5").stdout
    refused = align(tmp_path, source, "--save_h5", "--trajectory", "left")
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr
    assert align(tmp_path, source, "--save_h5", "--trajectory", "left", "--overwrite").returncode == 0
    assert record_of(tmp_path)["viewpoint"]["trajectory"] == "left"


class PumpingDepth:
    """The depth of these episodes, in a scale that changes with every picture."""

    facts = ModelFacts("pumping", None, None, None)

    def estimate(self, pictures: Sequence[UInt8], k: object) -> list[Depth]:  # noqa: ARG002
        z = np.full((HEIGHT_PX, WIDTH_PX), 2.0, np.float32)
        z[20:40, 30:60] = 0.8
        scales = [1.0 + 0.2 * float(np.mean(each[:8, :8])) / 255 for each in pictures]
        return [Depth(z * np.float32(scale), z > 0, "metre") for scale in scales]


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--depth_key", DEPTH), ("--depth-model", "pumping", "--batch_size", "4")])
def test_a_stopped_call_goes_on_at_the_next_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """And ends with the bytes of one that was not stopped, also where it does not begin at the first frame again."""
    monkeypatch.setattr(align_models, "make_depth_estimator", lambda *_, **__: PumpingDepth())
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5", frames=26, change=truncated)
    options: tuple[str | Path, ...] = ("--intrinsics", make_camera(tmp_path / "camera.json"), *words, "--save_h5")
    assert run_here("align", source, *options, "--output_dir", tmp_path / "whole").returncode == 4
    begun: list[int] = []
    take, frames_from = SpoolFrames.on_item, Hdf5Episode.frames_from

    def stops(self: SpoolFrames, item: Item) -> Iterable[Item]:
        if self._spool.count == 21 and len(begun) == 1:
            raise KeyboardInterrupt
        return take(self, item)

    def begins(self: Hdf5Episode, first: int) -> Iterator[SourceFrame]:
        begun.append(first)
        return frames_from(self, first)

    monkeypatch.setattr(SpoolFrames, "on_item", stops)
    monkeypatch.setattr(Hdf5Episode, "frames_from", begins)
    assert run_here("align", source, *options, "--output_dir", tmp_path / "out").returncode == 130
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".episode_0.align"]
    assert run_here("align", source, *options, "--output_dir", tmp_path / "out").returncode == 4
    assert 0 < begun[1] < 21
    for name in ("episode_0.h5", "episode_0_alignment.json", "episode_0_alignment_frames.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "out" / ".episode_0.align").exists()


def truncated(file: h5py.File) -> None:
    file[IMAGES][2] = file[IMAGES][2][:300]


def test_one_bad_frame_is_one_named_frame(tmp_path: Path) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5", change=truncated)
    result = align(tmp_path, source, "--save_h5")
    assert result.returncode == 4
    assert "failed: frame 2 (its 300 bytes are no whole picture)" in result.stdout
    assert [each["status"] for each in frame_records(tmp_path)] == ["aligned"] * 2 + ["failed"] + ["aligned"] * 3
    with h5py.File(tmp_path / "out" / "episode_0.h5") as after:
        assert np.all(after[f"{IMAGES}_origin"][2] == 2)
        assert not np.any(cv2.imdecode(after[IMAGES][2], cv2.IMREAD_COLOR))


def test_depth_that_is_not_finite_is_a_hole(tmp_path: Path) -> None:
    def spoiled(file: h5py.File) -> None:
        file[DEPTH][0, 10:20, 10:20] = np.nan
        file[DEPTH][1] = np.nan

    source = make_episode(tmp_path / "raw" / "episode_0.hdf5", change=spoiled)
    result = align(tmp_path, source, "--save_h5", "--movement_distance", "0")
    assert result.returncode == 4
    assert "its depth has no valid pixel" in result.stdout
    with h5py.File(tmp_path / "out" / "episode_0.h5") as after:
        assert np.all(after[f"{IMAGES}_origin"][0, 11:19, 11:19] != 0)


def protected(file: h5py.File) -> None:
    """A region of which frame 3 has no depth."""
    mask = np.zeros((FRAMES, HEIGHT_PX, WIDTH_PX), np.uint8)
    mask[:, 24:36, 36:54] = 1
    file.create_dataset("hand", data=mask)
    file[DEPTH][3, 24:30, 36:54] = 0.0


def test_frames_that_lose_what_is_protected_are_kept_dropped_or_fatal(tmp_path: Path) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5", change=protected)
    words = ("--save_h5", "--protect", "hand", "--movement_distance", "0.02", "--on-violation")
    refused = align(tmp_path, source, *words, "fail")
    assert refused.returncode == 4
    assert "frame 3" in refused.stderr
    assert not (tmp_path / "out" / "episode_0.h5").exists()
    kept = align(tmp_path, source, *words, "keep")
    assert (kept.returncode, record_of(tmp_path)["flagged_frames"]) == (0, [3])
    assert "flagged, because what is protected is lost: frame 3" in kept.stdout
    assert align(tmp_path, source, *words, "drop", "--overwrite").returncode == 0
    assert record_of(tmp_path)["dropped_frames"] == [3]
    with h5py.File(source) as before, h5py.File(tmp_path / "out" / "episode_0.h5") as after:
        rows = [0, 1, 2, 4, 5]
        assert after[IMAGES].shape == (FRAMES - 1,)
        assert np.array_equal(after["robot/action"], before["robot/action"][rows])
        assert after["robot/action"].maxshape == (None, 3)
        assert np.array_equal(after[DEPTH], before[DEPTH][rows])


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path) -> None:
    source = make_episode(tmp_path / "raw" / "episode_0.hdf5")
    assert align(tmp_path, source, "--save_h5", out="with_room").returncode == 0
    whole_bytes = (tmp_path / "with_room" / "episode_0.h5").stat().st_size
    for limit_bytes in (6000, whole_bytes - 1000):
        with largest_file(limit_bytes):
            result = align(tmp_path, source, "--save_h5")
        assert result.returncode == 6, result.stderr
        assert "no room left on the disk" in result.stderr
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".episode_0.align"]
    assert align(tmp_path, source, "--save_h5").returncode == 0


def test_a_folder_of_episodes_is_aligned_one_by_one_and_one_bad_one_is_named(tmp_path: Path) -> None:
    for number in range(2):
        make_episode(tmp_path / "raw" / f"episode_{number}.hdf5", frames=2)
    make_episode(tmp_path / "raw" / "episode_2.h5", frames=2, change=lambda file: file.pop(DEPTH))
    words = ("--movement_distance_noise", "0.02", "--seed", "7")
    result = align(tmp_path, tmp_path / "raw", *words)
    assert result.returncode == 3
    assert "2 of 3 episodes done" in result.stdout
    drawn = [record_of(tmp_path, f"episode_{number}")["viewpoint"]["drawn_noise_m"] for number in range(2)]
    assert drawn[0] != drawn[1]
    assert all(abs(each) <= 0.02 for each in drawn)
    assert align(tmp_path, tmp_path / "raw" / "episode_1.hdf5", "--save_h5", *words, out="alone").returncode == 0
    assert (tmp_path / "alone" / "episode_1.h5").read_bytes() == (tmp_path / "out" / "episode_1.h5").read_bytes()
