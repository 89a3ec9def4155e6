"""Warps exact scenes by the patches and by a soft splat, with exact and with blurred depth."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

import cv2
import numpy as np

from models.depth.depth import Depth
from stream.alignment.warp.surfels import SurfelWarp
from stream.alignment.warp.warp import Warp
from stream.bench.alignment.figures import WarpFigures, figures_of, mean_of
from stream.bench.alignment.scenes import SCENES, ExactPair, scene, view_pair
from stream.bench.alignment.soft_splat import SoftSplat
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32
from stream.records.schema.manifest import machine

BLUR_SIGMA: Final = 2.0 / 640
"""Of the Gaussian that stands for a network's blur, in widths of the picture."""
_REPEATS: Final = 3
_METHODS: Final[dict[str, Callable[[PinholeCamera, PinholeCamera], Warp]]] = {
    "patches": SurfelWarp,
    "soft splat": SoftSplat,
}


def measure_warps(size: tuple[int, int], target_from_source: RigidPose, seed: int) -> dict[str, Any]:
    """All figures, as JSON has them: of each scene and their mean, by depth and method.

    Args:
        size: width and height of the pictures, pixels.
        target_from_source: the coordinates of points in the robot's camera, from those in the head camera.
        seed: of the scenes.
    """
    found: dict[str, dict[str, list[WarpFigures]]] = {
        depth: {method: [] for method in _METHODS} for depth in ("exact", "blurred")
    }
    for name in SCENES:
        seen = scene(name, seed)
        camera = seen.camera(*size)
        pair = view_pair(seen, camera, camera, target_from_source)
        for depth, z in (("exact", pair.source.depth_m), ("blurred", blurred(pair.source.depth_m))):
            for method, make in _METHODS.items():
                found[depth][method].append(_measured(make(camera, camera), pair, z, target_from_source))
    return {
        "v": 1,
        "machine": machine(),
        "width_px": size[0],
        "height_px": size[1],
        "target_from_source": target_from_source.matrix.tolist(),
        "seed": seed,
        "depth": {
            depth: {
                method: {
                    "mean": asdict(mean_of(each)),
                    "scenes": {name: asdict(one) for name, one in zip(SCENES, each, strict=True)},
                }
                for method, each in methods.items()
            }
            for depth, methods in found.items()
        },
    }


def blurred(depth_m: Float32) -> Float32:
    """Depth (H, W) without sharp edges."""
    sigma_px = BLUR_SIGMA * depth_m.shape[1]
    return np.asarray(cv2.GaussianBlur(depth_m, (0, 0), sigma_px), np.float32)


def _measured(warp: Warp, pair: ExactPair, z: Float32, target_from_source: RigidPose) -> WarpFigures:
    """The figures of a warp that has run once before, so that it is compiled; the time is the shortest of several."""
    depth = Depth(z, np.ones(z.shape, np.bool_), "metre")
    warped, shortest_s = warp.warp(pair.source.picture, depth, target_from_source), float("inf")
    with _one_thread():
        for _ in range(_REPEATS):
            began_s = time.thread_time()
            warp.warp(pair.source.picture, depth, target_from_source)
            shortest_s = min(shortest_s, time.thread_time() - began_s)
    return figures_of(warped, pair, 1000.0 * shortest_s)


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV works in the calling thread alone."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
