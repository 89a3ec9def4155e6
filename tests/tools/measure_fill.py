"""Measures the fill on exact scenes: how much of the holes other frames lend, and how near to the truth it is.

    python -m tests.tools.measure_fill [--estimated] [--width 640]

A head looks around over 1.2 s before and after each measured frame at 10 frames a second; arms and what they hold move
by themselves. The camera is 7 cm lower. Beside it, OpenCV's inpainting (Telea) of the same holes.
"""

import click
import cv2
import numpy as np
import numpy.typing as npt

from models.depth.conversion import depth_of
from stream.alignment.fill.frames import FilledFrame, Origin, WarpedFrame
from stream.alignment.fill.hole_fill import HoleFill
from stream.alignment.warp.surfels import SurfelWarp
from stream.bench.alignment.moving_scenes import head_motion, scene_at
from stream.bench.alignment.scenes import scene, view
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import UInt8

SCENES = ("bench", "aisle", "shelf", "in-hand")
LOWER = RigidPose.translation(0.0, -0.07, 0.0)
MEASURED = 12
FRAMES = 25
FPS = 10.0


def psnr_db(picture: UInt8, truth: UInt8, where: npt.NDArray[np.bool_]) -> float:
    if not where.any():
        return float("nan")
    error = picture[where].astype(np.float64) - truth[where]
    return float(10 * np.log10(255**2 / max(float((error**2).mean()), 1e-9)))


def measure(name: str, camera: PinholeCamera, *, estimated: bool) -> str:
    """A line of the table for one scene."""
    warp, exact = SurfelWarp(camera, camera), scene(name)
    fill, filled, holes = HoleFill(warp, LOWER), list[FilledFrame](), np.empty(0, np.bool_)
    warped_picture = np.empty(0, np.uint8)
    for index in range(FRAMES):
        pose = head_motion(index / FPS)
        seen = view(scene_at(exact, index / FPS), camera, pose)
        depth = depth_of(seen.depth_m, "metre")
        warped = warp.warp(seen.picture, depth, LOWER)
        if index == MEASURED:
            holes, warped_picture = ~warped.is_real, warped.picture
        frame = WarpedFrame(index, seen.picture, depth, warped, None, None if estimated else pose)
        filled += fill.push(frame)
    filled += fill.flush()
    result = filled[MEASURED]
    truth = view(scene_at(exact, MEASURED / FPS), camera, head_motion(MEASURED / FPS) @ LOWER.inverse()).picture
    telea = np.asarray(cv2.inpaint(warped_picture, holes.astype(np.uint8), 5, cv2.INPAINT_TELEA), np.uint8)
    is_borrowed, is_generated = result.origin == Origin.BORROWED, result.origin == Origin.GENERATED
    figures = [psnr_db(each, truth, where) for where in (is_borrowed, is_generated) for each in (result.picture, telea)]
    share = is_borrowed.sum() / holes.sum()
    return f"{name:8} {holes.mean():6.1%} {share:9.0%} " + " ".join(f"{figure:9.1f}" for figure in figures)


@click.command()
@click.option("--estimated", is_flag=True, help="Estimate the camera's motion instead of giving it.")
@click.option("--width", default=640, help="Of the pictures, 16:9.")
def main(estimated: bool, width: int) -> None:
    """Print the table."""
    click.echo("scene     holes  borrowed  PSNR dB:  (Telea)  generated  (Telea)")
    for name in SCENES:
        camera = scene(name).camera(width, width * 9 // 16)
        click.echo(measure(name, camera, estimated=estimated))


if __name__ == "__main__":
    main()
