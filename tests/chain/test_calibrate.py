"""``calibrate``: from a video of a chessboard to a calibration that a run reads."""

import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.errors import SourceError
from stream.geometry.board.view import Board
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.table import intrinsics_of
from stream.run.calibrate import board_files
from stream.run.picture_file import read_picture
from stream.sources.table import open_clip
from tests.support.board_pictures import board_picture, poses
from tests.support.clips import make_clip
from tests.support.hub_listings import Repo
from tests.support.hub_server import point_client_at, serving
from tests.support.inline import run_here

pytestmark = pytest.mark.slow

BOARD = Board(7, 5)
LENS = intrinsics_of(KannalaBrandt, (320, 200), (105.0, 105.0), (161.0, 98.5), [0.03, -0.01, 0.004, -0.001])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board in eight places, each for 0.4 s."""
    pictures = [board_picture(LENS, BOARD, pose) for pose in poses(8, BOARD, reach=0.6)]
    path = tmp_path_factory.mktemp("board") / "board.mp4"
    return make_clip(path, fps=5, pictures=[picture for picture in pictures for _ in range(2)], x265="crf=12")


def test_a_video_of_a_board_gives_the_lens(video: Path, tmp_path: Path) -> None:
    done = run_here("calibrate", video, "--board", "7x5", "--model", "fisheye", "--out", tmp_path / "lens.json")
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "lens.json").read_text())
    assert content["model"] == "fisheye"
    assert [content[name] for name in ("fx", "fy", "cx", "cy")] == pytest.approx([105.0, 105.0, 161.0, 98.5], abs=3)
    assert content["calibration"]["views"] >= 6
    assert content["calibration"]["rms_px"] < 0.5
    assert f"RMS {content['calibration']['rms_px']:.3f} px" in done.stdout
    assert (tmp_path / "lens_residuals.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_reads_it(video: Path, tmp_path: Path) -> None:
    lens = tmp_path / "lens.json"
    assert run_here("calibrate", video, "--board", "7x5", "--model", "pinhole", "--out", lens).returncode == 0
    done = run_here(video, "--intrinsics", lens, "--encoder", "grid", "--engine", "inline", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "board/run.json").read_text())["intrinsics"]["model"] == "brown_conrady"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--board", "8x8"], 3, "found in 0 of"),
        (["--board", "sixty"], 2, "must be the board's inner corners"),
        ([], 2, "--board"),
    ],
)
def test_what_gives_no_lens_is_named(video: Path, tmp_path: Path, words: list[str], code: int, sentence: str) -> None:
    done = run_here("calibrate", video, *words, "--out", tmp_path / "lens.json")
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "lens.json").exists()


def test_a_calibration_is_not_replaced_unasked(video: Path, tmp_path: Path) -> None:
    (tmp_path / "lens.json").write_text("mine")
    done = run_here("calibrate", video, "--board", "7x5", "--out", tmp_path / "lens.json")
    assert (done.returncode, "exists already" in done.stderr) == (2, True)
    assert (tmp_path / "lens.json").read_text() == "mine"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures of a board, with a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, pose in enumerate(poses(6, BOARD, reach=0.6)):
        cv2.imwrite(str(folder / f"{number}.png"), board_picture(LENS, BOARD, pose))
    (folder / "notes.txt").write_text("7x5")
    return folder


def test_a_folder_stands_for_its_pictures(pictures: Path, tmp_path: Path) -> None:
    lens = tmp_path / "lens.json"
    done = run_here("calibrate", pictures, "--board", "7x5", "--model", "fisheye", "--out", lens)
    assert done.returncode == 0, done.stderr
    assert "views of 6 in 6 pictures" in done.stdout


def test_mirrored_pictures_give_the_lens_of_mirrored_pictures(pictures: Path, tmp_path: Path) -> None:
    """A front camera may mirror what it sees: the mirror image of a board is a board, too."""
    for path in pictures.glob("*.png"):
        picture = cv2.imread(str(path))
        assert picture is not None
        cv2.imwrite(str(tmp_path / path.name), picture[:, ::-1])
    done = run_here("calibrate", tmp_path, "--board", "7x5", "--model", "fisheye", "--out", tmp_path / "lens.json")
    assert done.returncode == 0, done.stderr
    lens = json.loads((tmp_path / "lens.json").read_text())
    assert [lens[name] for name in ("fx", "cx", "cy")] == pytest.approx([LENS.fx, 319 - LENS.cx, LENS.cy], abs=2)


def test_a_folder_without_pictures_stands_for_its_videos(video: Path) -> None:
    assert board_files(str(video.parent)) == [str(video)]
    assert board_files(str(video)) == [str(video)]


def test_a_tar_of_pictures_stands_for_them(tmp_path: Path) -> None:
    """Like a folder, in order of their names, without the hidden files that macOS adds."""
    with tarfile.open(tmp_path / "board.tar", "w") as tar:
        for name in ("b.png", "a.JPG", "._a.JPG", "notes.txt"):
            tar.addfile(tarfile.TarInfo(f"cal/{name}"))
    assert board_files(str(tmp_path / "board.tar")) == [
        f"{tmp_path / 'board.tar'}::cal/{name}" for name in ("a.JPG", "b.png")
    ]


def test_a_tar_and_a_folder_on_the_hub_stand_for_their_videos(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures on the hub are refused by name."""
    with tarfile.open(tmp_path / "board.tar", "w") as tar:
        tar.add(video, "board.mp4")
    assert board_files(str(tmp_path / "board.tar")) == [f"{tmp_path / 'board.tar'}::board.mp4"]
    files = {"cal/board.mp4": video.read_bytes(), "pictures/0.png": cv2.imencode(".png", np.zeros((9, 9)))[1].tobytes()}
    with serving(Repo("o/n", files, "datasets")) as hub:
        point_client_at(hub, tmp_path, monkeypatch)
        assert board_files("hf://datasets/o/n/cal") == ["hf://datasets/o/n/cal/board.mp4"]
        with pytest.raises(SourceError, match="pictures holds no video, only 1 x picture"):
            board_files("hf://datasets/o/n/pictures")


def test_a_picture_in_a_tar_is_read(pictures: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "board.tar", "w") as tar:
        tar.add(pictures / "0.png", "0.png")
    picture = read_picture(open_clip(f"{tmp_path / 'board.tar'}::0.png"))
    assert (picture == cv2.imread(str(pictures / "0.png"))).all()


@pytest.mark.parametrize(("name", "reason"), [("folder", "is a folder"), ("x" * 300, "File name too long")])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(name: str, reason: str, tmp_path: Path) -> None:
    """The video does not even exist."""
    (tmp_path / "folder").mkdir()
    done = run_here("calibrate", tmp_path / "none.mp4", "--board", "7x5", "--out", tmp_path / name, "--overwrite")
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
