"""An exact scene for the fill: textured cards before a textured wall, all facing the camera's first direction.

Every picture, its depth and the point of the scene in each pixel are known for any pose of the camera.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np

from models.depth.depth import Depth
from stream.alignment.warp.warp import Warped
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float64, UInt8

CAMERA: Final = PinholeCamera(np.array([[180.0, 0, 119.5], [0, 180, 67.5], [0, 0, 1]]), 240, 136)
_TEXELS_IN_METRE: Final = 60
_SMOOTHING_TEXELS: Final = 2.5
_SIDE: Final = 512


@dataclass(frozen=True)
class Card:
    """A rectangle in the plane of a depth, metres; the wall is one that is large enough."""

    z: float
    x: float = 0.0
    y: float = 0.0
    half_width: float = 8.0
    half_height: float = 8.0
    seed: int = 0


@cache
def texture(seed: int) -> UInt8:
    """Smooth noise, which repeats."""
    noise = np.random.default_rng(seed).normal(0, 1, (_SIDE, _SIDE, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), _SMOOTHING_TEXELS)
    return np.asarray(np.clip(128 + 60 * smooth / smooth.std(), 0, 255), np.uint8)


def view(cards: list[Card], world_from_camera: RigidPose) -> tuple[UInt8, Depth]:
    """What the camera sees from a pose, and its depth."""
    columns, rows = np.meshgrid(np.arange(CAMERA.width_px), np.arange(CAMERA.height_px))
    pixels = np.stack([columns, rows, np.ones_like(columns)], axis=-1).astype(np.float64)
    rays = pixels @ np.linalg.inv(CAMERA.k).T @ world_from_camera.rotation.T
    picture = np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    distance = np.full(columns.shape, np.inf)
    for card in sorted(cards, key=lambda card: -card.z):
        along = (card.z - world_from_camera.translation_m[2]) / rays[..., 2]
        hit = world_from_camera.translation_m + along[..., None] * rays
        across = hit[..., :2] - [card.x, card.y]
        is_hit = (np.abs(across) <= [card.half_width, card.half_height]).all(axis=-1) & (along > 0)
        picture[is_hit] = _texels(card, across)[is_hit]
        distance[is_hit] = along[is_hit]
    return picture, Depth(np.where(np.isfinite(distance), distance, 0).astype(np.float32), distance < np.inf, "metre")


def _texels(card: Card, across: Float64) -> UInt8:
    at = ((across + 8) * _TEXELS_IN_METRE % (_SIDE - 1)).astype(np.float32)
    column, row = cv2.split(at)
    return np.asarray(cv2.remap(texture(card.seed), column, row, cv2.INTER_LINEAR), np.uint8)


class PointWarp:
    """A plain warp for tests: every source pixel goes to the four pixels around its place, far ones first."""

    source = target = CAMERA

    def warp(self, picture: UInt8, depth: Depth, target_from_source: RigidPose) -> Warped:
        rows, columns = np.nonzero(depth.is_valid)
        z = depth.z[rows, columns].astype(np.float64)
        pixels = np.column_stack([columns, rows, np.ones(len(rows))]).astype(np.float64)
        points = target_from_source.apply(pixels @ np.linalg.inv(CAMERA.k).T * z[:, None])
        order = np.argsort(-points[:, 2], kind="stable")
        rows, columns, points = rows[order], columns[order], points[order]
        projected = points @ CAMERA.k.T
        corner = np.floor(projected[:, :2] / projected[:, 2:]).astype(int)
        height, width = depth.z.shape
        warped, inverse_z = np.zeros_like(picture), np.zeros((height, width), np.float32)
        at = (corner[:, None] + [[0, 0], [1, 0], [0, 1], [1, 1]]).reshape(-1, 2)
        is_inside = (at >= 0).all(axis=1) & (at < [width, height]).all(axis=1) & np.repeat(points[:, 2] > 0, 4)
        to = at[is_inside, 1], at[is_inside, 0]
        warped[to] = np.repeat(picture[rows, columns], 4, axis=0)[is_inside]
        inverse_z[to] = np.repeat(1 / points[:, 2], 4)[is_inside]
        source_xy = np.zeros((height, width, 2), np.float32)
        source_xy[to] = np.repeat(np.column_stack([columns, rows]), 4, axis=0)[is_inside]
        return Warped(warped, inverse_z > 0, source_xy, inverse_z)
