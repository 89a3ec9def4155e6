"""What a person checks before training on aligned episodes: ``align compare``, ``sweep``, ``eval`` and so on."""

import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import h5py
import jsonschema
import numpy as np
import pytest

from stream.records.schema.generate import schemas
from tests.support.align_episodes import DEPTH, HEIGHT_PX, WIDTH_PX, align, make_episode
from tests.support.inline import run_here

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a raw episode, its camera, and what ``align`` made of it: an HDF5 file, and pictures."""
    folder = tmp_path_factory.mktemp("checklist")
    source = make_episode(folder / "raw" / "episode_0.hdf5")
    for out, form in (("h5", ["--save_h5"]), ("pictures", [])):
        assert align(folder, source, "--movement_distance", "0.07", *form, out=out).returncode == 0
    return folder


def trial(made: Path, command: str, *words: str | Path) -> CompletedProcess[str]:
    """``sweep`` or ``eval`` of the raw episode."""
    camera = made / "camera.json"
    source = made / "raw" / "episode_0.hdf5"
    return run_here("align", command, source, *words, "--intrinsics", camera, "--depth_key", DEPTH)


def size_of(path: Path) -> tuple[int, ...]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return tuple(picture.shape)


@pytest.mark.parametrize("aligned", ["h5/episode_0.h5", "pictures/episode_0"])
def test_compare_writes_a_picture_of_each_frame_and_a_contact_sheet(made: Path, tmp_path: Path, aligned: str) -> None:
    source = made / "raw" / "episode_0.hdf5"
    result = run_here("align", "compare", source, made / aligned, "--out", tmp_path, "--frames", "1,4")
    assert result.returncode == 0, result.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"frame_000001.png", "frame_000004.png", "contact_sheet.png"}
    assert size_of(tmp_path / "contact_sheet.png")[0] > size_of(tmp_path / "frame_000001.png")[0]


def test_compare_refuses_another_episode_and_frames_that_are_not_there(made: Path, tmp_path: Path) -> None:
    other = make_episode(tmp_path / "other.hdf5", frames=2)
    aligned = made / "h5" / "episode_0.h5"
    result = run_here("align", "compare", other, aligned, "--out", tmp_path / "out")
    assert (result.returncode, "was made from episode_0.hdf5" in result.stderr) == (2, True)
    source = made / "raw" / "episode_0.hdf5"
    result = run_here("align", "compare", source, aligned, "--out", tmp_path / "out", "--frames", "9")
    assert (result.returncode, "does not hold this frame" in result.stderr) == (2, True)
    assert run_here("align", "compare", source, source, "--out", tmp_path / "out").returncode == 3


def test_sweep_draws_a_column_for_each_distance(made: Path, tmp_path: Path) -> None:
    sizes = []
    for distances in ("0.02,0.04,0.06,0.08", "0.02,0.04,0.06,0.08,0.1"):
        out = tmp_path / f"{len(distances)}.png"
        result = trial(made, "sweep", "--distances", distances, "--count", "2", "--out", out)
        assert result.returncode == 0, result.stderr
        sizes.append(size_of(out))
    assert sizes[1][1] - sizes[0][1] == WIDTH_PX + 16
    assert sizes[1][0] == sizes[0][0]
    assert "is no list of numbers" in trial(made, "sweep", "--distances", "far").stderr


def aligned_picture(made: Path, frame: int) -> Path:
    return made / "pictures" / "episode_0" / f"frame_{frame:06d}_result.png"


def test_eval_finds_the_distance_that_made_a_picture(made: Path, tmp_path: Path) -> None:
    """Pictures of 0.07 m score perfectly at 0.07 m, and a point is where the warp put it."""
    pictures = [aligned_picture(made, frame) for frame in (1, 2, 3)]
    points = tmp_path / "points.json"
    # The far wall, 2 m away, moves up by 80 px * 0.07 / 2.
    corner = {"corner": {"source": [10, 50], "real": [10, 50 - 2.8]}}
    points.write_text(json.dumps({"frame_000001_result.png": corner}))
    words: list[str | Path] = [
        "--real",
        *pictures,
        "--frames",
        "1,2,3",
        "--distances",
        "0.04,0.07,0.10",
        "--points",
        points,
    ]
    result = trial(made, "eval", *words, "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["verdict"]["best_m"] == 0.07
    at = {each["distance_m"]: each for each in document["distances"]}
    assert list(at) == [0.0, 0.04, 0.07, 0.1]
    assert at[0.07]["psnr_real_db"] is None  # infinite
    assert at[0.07]["ssim_real"] == pytest.approx(1.0)
    assert at[0.07]["shift_px"] == pytest.approx(0.0, abs=0.01)
    assert at[0.04]["shift_px"] == pytest.approx(1.2, abs=0.01)
    table = trial(made, "eval", *words)
    assert "best: 0.07 m; SSIM favours 0.07 m" in table.stdout


def test_eval_refuses_pictures_that_do_not_fit(made: Path, tmp_path: Path) -> None:
    picture = aligned_picture(made, 0)
    words = ("--distances", "0.07")
    assert "give the frame of each" in trial(made, "eval", "--real", picture, aligned_picture(made, 1), *words).stderr
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((20, 30, 3), np.uint8))
    result = trial(made, "eval", "--real", small, *words)
    assert result.returncode == 3
    assert f"small.png is 30x20, but the target camera's pictures are {WIDTH_PX}" in result.stderr


@pytest.mark.parametrize("frame", ["h5/episode_0.h5#2", "pictures/episode_0/frame_000002_result.png"])
def test_provenance_gives_the_lineage_of_a_frame(made: Path, frame: str) -> None:
    result = run_here("align", "provenance", f"{made}/{frame}")
    assert result.returncode == 0, result.stderr
    for words in ("derived_observation", "source        episode_0.hdf5", "source frame  2 at 0.100 s", "as recorded"):
        assert words in result.stdout
    assert "camera at x 0, y 0.07, z 0 m of the source camera" in result.stdout
    document = json.loads(run_here("align", "provenance", f"{made}/{frame}", "--json").stdout)
    assert document["is_as_recorded"]
    jsonschema.validate(document["episode"], schemas()["alignment"])
    jsonschema.validate(document["frame"], schemas()["aligned_frames"])


def test_provenance_tells_a_picture_that_was_changed(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "h5", tmp_path / "h5")
    path = tmp_path / "h5" / "episode_0.h5"
    with h5py.File(path, "r+") as file:
        file["observation_image_left_origin"][2] = 0
    result = run_here("align", "provenance", f"{path}#2")
    assert (result.returncode, "100.00% real" in result.stdout, "NOT as recorded" in result.stdout) == (4, True, True)
    assert run_here("align", "provenance", f"{path}#3").returncode == 0
    assert run_here("align", "provenance", f"{path}#{HEIGHT_PX}").returncode == 2
    assert run_here("align", "provenance", path).returncode == 2
    assert run_here("align", "provenance", f"{made}/raw/episode_0.hdf5#2").returncode == 3


def test_ablation_pairs_raw_and_aligned_episodes(made: Path, tmp_path: Path) -> None:
    make_episode(tmp_path / "robot" / "robot_0.hdf5", frames=3)
    raw = shutil.copytree(made / "raw", tmp_path / "raw")
    make_episode(raw / "episode_1.hdf5", frames=2)
    folders = ("--raw", raw, "--aligned", made / "h5", "--robot", tmp_path / "robot", "--out", tmp_path / "arms")
    result = run_here("align", "ablation", *folders)
    assert result.returncode == 4, result.stderr
    assert "episode_1.hdf5: it was not aligned" in result.stderr
    arms = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "arms").iterdir()}
    assert set(arms) == {"robot_only", "raw_human", "aligned_human", "aligned_and_robot"}
    for manifest in arms.values():
        jsonschema.validate(manifest, schemas()["ablation"])
        for episode in manifest["episodes"]:
            with h5py.File(tmp_path / "arms" / episode["path"]) as file:
                assert len(file[episode["image_key"]]) == episode["frames"]
    (raw_episode,), (aligned_episode,) = arms["raw_human"]["episodes"], arms["aligned_human"]["episodes"]
    assert raw_episode["episode_id"] == aligned_episode["episode_id"]
    assert aligned_episode["source_sha256"] == raw_episode["sha256"]


def test_ablation_refuses_raw_and_derived_episodes_in_one_folder(made: Path, tmp_path: Path) -> None:
    mixed = shutil.copytree(made / "raw", tmp_path / "mixed")
    shutil.copy(made / "h5" / "episode_0.h5", mixed / "derived.h5")
    out = ("--robot", made / "raw", "--out", tmp_path / "arms")
    result = run_here("align", "ablation", "--raw", mixed, "--aligned", made / "h5", *out)
    assert (result.returncode, "must not share a folder" in result.stderr) == (2, True)
    result = run_here("align", "ablation", "--raw", made / "raw", "--aligned", made / "h5", *out)
    assert (result.returncode, "are the same folder" in result.stderr) == (2, True)
    assert not (tmp_path / "arms").exists()
