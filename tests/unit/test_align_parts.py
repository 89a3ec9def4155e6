"""The parts of an alignment that need no episode: coding, spool, where to go on, viewpoint, protection."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from models.depth.depth import Depth
from stream.alignment.episodes.coding import PictureCoding, decoded
from stream.alignment.episodes.poses import pose_of
from stream.alignment.episodes.spool import Spool, SpooledFrame
from stream.alignment.items import ProtectedPixels
from stream.alignment.protection import protected_pixels
from stream.alignment.resumption import StartingPoint, starting_point
from stream.alignment.viewpoint import DIRECTIONS, Trajectory, moved
from stream.alignment.warp.warp import Warped
from stream.errors import UsageError
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.records.schema.alignment import AlignedFrameRecord
from tests.support.align_episodes import jpeg, picture

K = np.array([[80.0, 0.0, 31.5], [0.0, 80.0, 23.5], [0.0, 0.0, 1.0]])
CAMERA = PinholeCamera(K, 64, 48)


@pytest.mark.parametrize("quality", [20, 50, 60, 75, 90, 95, 99])
def test_the_quality_of_a_jpeg_is_that_of_libjpeg(quality: int) -> None:
    coding = PictureCoding.of_file(jpeg(picture(0), quality).tobytes())
    assert coding.storage == "jpeg"
    assert coding.quality == pytest.approx(quality, abs=1)


def test_raw_pictures_and_png_lose_nothing() -> None:
    for coding in (PictureCoding("raw"), PictureCoding("png")):
        content = coding.encoded(picture(1))
        found = decoded(content)
        assert PictureCoding.of_file(content).storage == "png"
        assert found is not None
        assert np.array_equal(found, picture(1))


def test_what_is_no_whole_picture_is_none() -> None:
    whole = jpeg(picture(0)).tobytes()
    for content in (b"", b"\xff\xd8", whole[:-2], whole[: len(whole) // 2], b"nonsense"):
        assert decoded(content) is None
    assert decoded(whole + bytes(40)) is not None
    assert decoded(whole, cv2.IMREAD_GRAYSCALE) is not None


def frame(number: int) -> SpooledFrame:
    return SpooledFrame({"number": number}, bytes([number]) * 50, b"origin")


def test_a_spool_keeps_whole_frames_only(tmp_path: Path) -> None:
    """Whatever a kill or a power cut left behind them."""
    folder = tmp_path / "spool"
    with Spool(folder, {"seed": 1}, overwrite=False) as spool:
        for number in range(3):
            spool.add(frame(number))
    lines, content = folder / "frames.jsonl", folder / "frames.bin"
    with lines.open("ab") as file:
        file.write(lines.read_bytes().splitlines(keepends=True)[0][:20])
    with content.open("ab") as file:
        file.write(b"half")
    with Spool(folder, {"seed": 1}, overwrite=False) as spool:
        assert (spool.count, list(spool.frames())) == (3, [frame(number) for number in range(3)])
    content.write_bytes(content.read_bytes()[:130])
    with Spool(folder, {"seed": 1}, overwrite=False) as spool:
        assert spool.count == 2
        spool.add(frame(7))
        assert list(spool.frames()) == [frame(0), frame(1), frame(7)]
        with pytest.raises(UsageError, match="another call is writing"):
            Spool(folder, {"seed": 1}, overwrite=False)


def spooled(index: int, *failed: int) -> AlignedFrameRecord:
    status: Literal["aligned", "failed"] = "failed" if index in failed else "aligned"
    return AlignedFrameRecord(
        index=index, t_s=None, status=status, problem="", source_sha256=None, picture_sha256="0" * 64, real_share=1.0,
        borrowed_share=0.0, generated_share=0.0, borrowed_from=[], depth_valid_share=1.0,
        depth_scale=None if status == "failed" else 1.0 + index / 10, protected_px=None, protected_lost_share=None,
        is_flagged=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("frames", "failed", "before", "batch", "expected"),
    [
        (0, (), 3, 1, 0),
        (3, (), 0, 1, 2),
        (10, (), 3, 1, 7),
        (10, (8,), 3, 1, 6),
        (10, (7,), 3, 1, 6),
        (10, (), 3, 4, 4),
        (10, (4,), 3, 4, 0),
        (2, (), 3, 1, 0),
    ],
)
def test_a_call_goes_on_so_early_that_the_next_frame_is_the_same(
    frames: int, failed: tuple[int, ...], before: int, batch: int, expected: int
) -> None:
    """At a batch's first frame that has depth, with as many aligned frames after it as may lend."""
    start = starting_point((spooled(index, *failed) for index in range(frames)), before, batch)
    assert start == StartingPoint(expected, 1.0 + expected / 10 if expected else 1.0)


def test_a_spool_of_other_options_is_refused_or_discarded(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool", {"seed": 1}, overwrite=False) as spool:
        spool.add(frame(0))
    with pytest.raises(UsageError, match="another seed"):
        Spool(tmp_path / "spool", {"seed": 2}, overwrite=False)
    with Spool(tmp_path / "spool", {"seed": 2}, overwrite=True) as spool:
        assert spool.count == 0


@pytest.mark.parametrize("trajectory", DIRECTIONS)
def test_a_point_moves_against_the_camera(trajectory: Trajectory) -> None:
    """Down 0.07 m is 0.07 m along the camera's own +y, without a rotation."""
    pose = moved(trajectory, 0.07, 0.0, 42, "episode_0").target_from_source
    centre = pose.inverse().translation_m
    assert centre == pytest.approx(0.07 * np.array(DIRECTIONS[trajectory]), abs=1e-12)
    assert np.array_equal(pose.rotation, np.eye(3))


def test_noise_is_drawn_once_from_the_seed_and_the_name() -> None:
    draws = {(seed, name): moved("down", 0.1, 0.02, seed, name).noise_m for seed in (1, 2) for name in ("a", "b")}
    assert len(set(draws.values())) == 4
    assert all(abs(each) <= 0.02 for each in draws.values())
    assert moved("down", 0.1, 0.02, 1, "a").noise_m == draws[1, "a"]


def test_protected_pixels_are_lost_in_holes_and_without_depth_only() -> None:
    """Not if they leave the view, nor if something nearer hides them."""
    is_protected = np.zeros((48, 64), np.bool_)
    is_protected[10:20, 0:20] = True
    z = np.full((48, 64), 2.0, np.float32)
    is_valid = np.ones((48, 64), np.bool_)
    is_valid[10:12, 10:20] = False
    is_real = np.ones((48, 64), np.bool_)
    is_real[14:16, 0:4] = False
    nothing = np.zeros((48, 64, 2), np.float32)
    warped = Warped(np.zeros((48, 64, 3), np.uint8), is_real, nothing, nothing[..., 0])
    eight_px_left = RigidPose.translation(-0.2, 0.0, 0.0)
    found = protected_pixels(is_protected, Depth(z, is_valid, "metre"), warped, (CAMERA, CAMERA), eight_px_left)
    assert found == ProtectedPixels(seen=(200 - 20) - 80 + 20, lost=8 + 20)


def test_poses_of_float32_are_rigid_and_what_is_no_motion_is_none() -> None:
    rotation, _ = cv2.Rodrigues(np.array([0.3, -0.2, 0.1]))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, (1.0, 2.0, 3.0)
    found = pose_of(matrix.astype(np.float32).astype(np.float64))
    assert found is not None
    assert found.matrix == pytest.approx(matrix, abs=1e-6)
    for bad in (np.zeros((4, 4)), matrix * 2, np.diag([1.0, 1.0, -1.0, 1.0]), matrix * np.nan):
        assert pose_of(bad) is None
