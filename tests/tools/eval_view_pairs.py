"""Warps one real view into another one, and compares with what the other camera saw, beside plain splats.

    python -m tests.tools.eval_view_pairs FOLDER --pictures OUT

FOLDER has ``sevenscenes`` (frames of 7-Scenes with depth and pose), or ``middlebury_motorcycle`` (the pair of
Middlebury 2014 in the size of scikit-image, with its true disparity), or both. PSNR is that over pixels that all warps
have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import click
import cv2
import numpy as np
import numpy.typing as npt

from models.depth.depth import Depth
from stream.alignment.warp.surfels import SurfelWarp
from stream.alignment.warp.warp import Warp, Warped
from stream.bench.alignment.soft_splat import SoftSplat
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float64, UInt8

_FOCAL_PX, _BASELINE_M = 994.978, 0.193001
_LEFT_CX, _RIGHT_CX, _CY = 311.193, 342.279, 254.877
"""Of Middlebury's calibration, divided by four, as the pictures are."""
_DEPTH_MAX_MM = 8000
"""7-Scenes writes 65535 where the sensor has no depth."""


class ForwardSplat:
    """Each source pixel goes to the nearest target pixel, and the nearest of them stays."""

    def __init__(self, source: PinholeCamera, target: PinholeCamera) -> None:
        self.source, self.target = source, target

    def warp(self, picture: UInt8, depth: Depth, target_from_source: RigidPose) -> Warped:
        """The picture in the target camera."""
        row, column = np.nonzero(depth.is_valid)
        pixels = np.stack([column, row, np.ones_like(row)], axis=-1).astype(np.float64)
        points = target_from_source.apply(pixels @ np.linalg.inv(self.source.k).T * depth.z[row, column, None])
        far_first = np.argsort(-points[:, 2], kind="stable")
        u, v, z = (points[far_first] @ self.target.k.T).T
        x, y = np.round(u / z), np.round(v / z)
        inside = (z > 0.0) & (x >= 0) & (x < self.target.width_px) & (y >= 0) & (y < self.target.height_px)
        at = y[inside].astype(int), x[inside].astype(int)
        shape = self.target.height_px, self.target.width_px
        colours, inverse_z = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32)
        colours[at] = picture[row, column][far_first][inside]
        inverse_z[at] = 1.0 / z[inside]
        return Warped(colours, inverse_z > 0.0, np.zeros((*shape, 2), np.float32), inverse_z)


_WARPS = (("patches", SurfelWarp), ("forward splat", ForwardSplat), ("soft splat", SoftSplat))


@dataclass(frozen=True, slots=True, eq=False)
class RealPair:
    """Two real views, and the depth of the first."""

    name: str
    source: PinholeCamera
    target: PinholeCamera
    picture: UInt8
    depth: Depth
    other: UInt8
    target_from_source: RigidPose


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for a picture of each pair.")
def main(folder: Path, pictures: Path | None) -> None:
    """Print a line for each pair: PSNR of all warps, and the share of the picture that each claims to be real."""
    click.echo(f"{'pair':24}" + "".join(f"{name + ' dB':>18}{'real %':>8}" for name, _ in _WARPS))
    for pair in (*seven_scenes(folder / "sevenscenes"), *middlebury(folder / "middlebury_motorcycle")):
        warps: list[Warp] = [make(pair.source, pair.target) for _, make in _WARPS]
        warped = [warp.warp(pair.picture, pair.depth, pair.target_from_source) for warp in warps]
        common = np.logical_and.reduce([each.is_real for each in warped])
        figures = [(_psnr_db(each.picture, pair.other, common), 100.0 * each.is_real.mean()) for each in warped]
        click.echo(f"{pair.name:24}" + "".join(f"{psnr:18.2f}{real:8.1f}" for psnr, real in figures))
        if pictures is not None:
            _write_sheet(pictures, pair, warped)


def seven_scenes(folder: Path) -> Iterator[RealPair]:
    """All ordered pairs of frames; their poses are from the camera to the world."""
    frames = sorted(folder.glob("frame-*.color.jpg"))
    for one, other in permutations(frames, 2):
        k = np.loadtxt(folder / "camera-intrinsics.txt")
        picture, seen = _picture(one), _picture(other)
        camera = PinholeCamera(k, picture.shape[1], picture.shape[0])
        depth_mm = cv2.imread(str(one).replace("color.jpg", "depth.png"), cv2.IMREAD_UNCHANGED)
        z = np.asarray(depth_mm, np.float32) / 1000.0
        depth = Depth(z, (z > 0.0) & (z < _DEPTH_MAX_MM / 1000.0), "metre")
        pose = _world_from(other).inverse() @ _world_from(one)
        names = [frame.name.split(".")[0].removeprefix("frame-0000") for frame in (one, other)]
        yield RealPair(f"7-Scenes {names[0]} to {names[1]}", camera, camera, picture, depth, seen, pose)


def middlebury(folder: Path) -> Iterator[RealPair]:
    """The left view into the right one."""
    if folder.exists():
        left, right = _picture(folder / "motorcycle_left.png"), _picture(folder / "motorcycle_right.png")
        disparity = np.load(folder / "motorcycle_disp.npz")["arr_0"]
        is_valid = np.isfinite(disparity)
        z = _FOCAL_PX * _BASELINE_M / (np.where(is_valid, disparity, 1.0) + _RIGHT_CX - _LEFT_CX)
        height_px, width_px = disparity.shape
        source, target = (
            PinholeCamera(np.array([[_FOCAL_PX, 0.0, cx], [0.0, _FOCAL_PX, _CY], [0.0, 0.0, 1.0]]), width_px, height_px)
            for cx in (_LEFT_CX, _RIGHT_CX)
        )
        depth = Depth(z.astype(np.float32), is_valid, "metre")
        pose = RigidPose.translation(-_BASELINE_M, 0.0, 0.0)
        yield RealPair("Middlebury Motorcycle", source, target, left, depth, right, pose)


def _picture(path: Path) -> UInt8:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def _world_from(frame: Path) -> RigidPose:
    """The pose of a frame, whose rotation is the nearest one to the four digits that its file has."""
    matrix: Float64 = np.loadtxt(str(frame).replace("color.jpg", "pose.txt"))
    u, _, v = np.linalg.svd(matrix[:3, :3])
    return RigidPose(u @ v, matrix[:3, 3])


def _psnr_db(one: UInt8, other: UInt8, where: npt.NDArray[np.bool_]) -> float:
    error = one[where].astype(np.float64) - other[where]
    return float(10.0 * np.log10(255.0**2 / (error**2).mean()))


def _write_sheet(folder: Path, pair: RealPair, warped: list[Warped]) -> None:
    """Source, all warps and the other view, beside each other."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet = np.hstack([pair.picture, *(each.picture for each in warped), pair.other])
    cv2.imwrite(str(folder / f"{pair.name.replace(' ', '_')}.png"), sheet)


if __name__ == "__main__":
    main()
