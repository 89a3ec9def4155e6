"""Renders simple 3-D scenes: a pinhole camera, textured rectangles, flat polygons and rounded limbs.

World: metres, x right, y away from the worker, z up from the bench top. Later shapes cover earlier ones.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np

from stream.pipeline.items import Float64, UInt8

Color: TypeAlias = tuple[int, int, int]
"""R, G, B."""
_NEAR_M = 0.06
_SUBPIXEL_BITS = 4
_SHADOW_STEP = 4
"""Canvas pixels per pixel of a shadow's mask."""
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 20)), np.sin(np.linspace(0, 2 * np.pi, 20))], axis=1)
_RIM = np.column_stack([_CIRCLE, np.zeros(len(_CIRCLE))])


def at(x: float, y: float, z: float) -> Float64:
    """A point or a displacement in the world, (3,) metres."""
    return np.array([x, y, z])


_FLAT = ((1.0, 1.0),)
_ROUND = ((1.0, 0.62), (0.84, 0.88), (0.55, 1.03))
"""How a limb is painted: share of its radius and brightness, from its dark rim to its lit ridge."""


class Pose(NamedTuple):
    """Position and orientation of the head."""

    position: Float64
    """(3,) metres."""
    yaw: float
    """Radians to the right of straight ahead."""
    pitch: float
    """Radians above the horizon."""
    roll: float
    """Radians clockwise."""

    @property
    def rotation(self) -> Float64:
        """(3, 3) from the world to a camera with x right, y down, z forward."""
        sin_yaw, cos_yaw = np.sin(self.yaw), np.cos(self.yaw)
        sin_pitch, cos_pitch = np.sin(self.pitch), np.cos(self.pitch)
        forward = np.array([sin_yaw * cos_pitch, cos_yaw * cos_pitch, sin_pitch])
        right = np.array([cos_yaw, -sin_yaw, 0.0])
        down = np.cross(forward, right)
        sin_roll, cos_roll = np.sin(self.roll), np.cos(self.roll)
        return np.stack([cos_roll * right + sin_roll * down, cos_roll * down - sin_roll * right, forward])


@dataclass(frozen=True, eq=False)
class Surface:
    """A textured rectangle in space."""

    corner: Float64
    """(3,) metres: position of the texture's upper left corner."""
    across: Float64
    """(3,) metres: along the texture's width."""
    down: Float64
    """(3,) metres: along the texture's height."""
    texture: UInt8

    @property
    def corners(self) -> Float64:
        """(4, 3), in order around the rectangle."""
        far = self.corner + self.across
        return np.stack([self.corner, far, far + self.down, self.corner + self.down])

    @property
    def texture_to_world(self) -> Float64:
        """(3, 3): maps texture pixels (x, y, 1) to the world."""
        height, width = self.texture.shape[:2]
        origin = self.corner + 0.5 * self.across / width + 0.5 * self.down / height
        return np.stack([self.across / width, self.down / height, origin], axis=1)


class Canvas:
    """The pinhole picture of one instant."""

    def __init__(self, width: int, height: int, camera_matrix: Float64) -> None:
        self.image = np.zeros((height, width, 3), np.uint8)
        """(height, width, 3) uint8 RGB."""
        self._camera = camera_matrix
        self._frustum = _frustum(width, height, camera_matrix)
        self._rotation = np.eye(3)
        self._position = np.zeros(3)

    @property
    def focal_px(self) -> float:
        """Pixels per radian in the middle."""
        return float(self._camera[0, 0])

    def look(self, pose: Pose) -> None:
        """Move the camera; nothing is erased."""
        self._rotation = pose.rotation
        self._position = pose.position

    def coarser(self, factor: int) -> "Canvas":
        """A canvas of the same view with ``factor`` times fewer pixels per side, for distant and plain surfaces."""
        height, width = self.image.shape[:2]
        fewer = np.array(
            [[1 / factor, 0.0, 0.5 / factor - 0.5], [0.0, 1 / factor, 0.5 / factor - 0.5], [0.0, 0.0, 1.0]]
        )
        return Canvas(width // factor, height // factor, fewer @ self._camera)

    def fill_from(self, coarse: "Canvas") -> None:
        """Copy the whole picture of a coarser canvas."""
        height, width = self.image.shape[:2]
        cv2.resize(coarse.image, (width, height), self.image)

    def surface(self, surface: Surface) -> None:
        """Paint a textured rectangle."""
        outline = self._outline(surface.corners)
        if not len(outline):
            return
        left, top, width, height = self._visible_box(outline)
        plane = surface.texture_to_world
        plane[:, 2] -= self._position
        shift = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
        homography = shift @ self._camera @ self._rotation @ plane
        painted = cv2.warpPerspective(surface.texture, homography, (width, height), borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros((height, width), np.uint8)
        _fill(mask, outline - [left, top], 255, cv2.LINE_8)
        cv2.copyTo(painted, mask, self.image[top : top + height, left : left + width])

    def polygon(self, points: Float64, color: Color) -> None:
        """Paint a flat convex polygon, (N, 3) metres."""
        outline = self._outline(points)
        if len(outline):
            _fill(self.image, outline, color, cv2.LINE_AA)

    def box(self, low: Float64, high: Float64, color: Color) -> None:
        """Paint the visible faces of an upright box, lit from above."""
        x0, y0, z0 = low
        x1, y1, z1 = high
        dark, mid = _shade(color, 0.55), _shade(color, 0.78)
        if self._position[0] < x0:
            self.polygon(np.array([[x0, y0, z0], [x0, y1, z0], [x0, y1, z1], [x0, y0, z1]]), dark)
        if self._position[0] > x1:
            self.polygon(np.array([[x1, y0, z0], [x1, y1, z0], [x1, y1, z1], [x1, y0, z1]]), dark)
        if self._position[1] < y0:
            self.polygon(np.array([[x0, y0, z0], [x1, y0, z0], [x1, y0, z1], [x0, y0, z1]]), mid)
        if self._position[2] > z1:
            self.polygon(np.array([[x0, y0, z1], [x1, y0, z1], [x1, y1, z1], [x0, y1, z1]]), color)

    def disc(self, centre: Float64, radius_m: float, color: Color) -> None:
        """Paint a horizontal disc."""
        camera = (centre - self._position + radius_m * _RIM) @ self._rotation.T
        if camera[:, 2].min() > _NEAR_M:
            image = camera @ self._camera.T
            _fill(self.image, image[:, :2] / image[:, 2:], color, cv2.LINE_AA)

    def cylinder(self, base: Float64, radius_m: float, height_m: float, color: Color) -> None:
        """Paint an upright cylinder."""
        top = base + at(0.0, 0.0, height_m)
        self.limb(base, top, radius_m, radius_m, _shade(color, 0.6), flat=True)
        self.disc(top, radius_m, color)

    def shadow(self, limbs: list[tuple[Float64, Float64, float]], depth: float) -> None:
        """Darken the bench top under limbs (start, end, radius in metres) by up to ``depth``, with soft edges."""
        height, width = (side // _SHADOW_STEP for side in self.image.shape[:2])
        mask = np.zeros((height, width), np.uint8)
        for start, end, radius_m in limbs:
            below = [np.append(place[:2], 0.0) + radius_m * _RIM for place in (start, end)]
            hull = cv2.convexHull(np.concatenate(below)[:, :2].astype(np.float32)).reshape(-1, 2)
            outline = self._outline(np.column_stack([hull, np.zeros(len(hull))]))
            if len(outline):
                _fill(mask, outline / _SHADOW_STEP, round(255 * depth), cv2.LINE_AA)
        left, top, across, down = cv2.boundingRect(cv2.blur(mask, (9, 9)))
        if across and down:
            light = 255 - cv2.blur(mask, (9, 9))[top : top + down, left : left + across]
            part = self.image[
                top * _SHADOW_STEP : (top + down) * _SHADOW_STEP, left * _SHADOW_STEP : (left + across) * _SHADOW_STEP
            ]
            fine = cv2.resize(light, (part.shape[1], part.shape[0]))
            cv2.multiply(part, cv2.merge([fine] * 3), part, 1.0 / 255.0)

    def limb(
        self, start: Float64, end: Float64, start_m: float, end_m: float, color: Color, *, flat: bool = False
    ) -> None:
        """Paint a tapered limb with round ends, shaded from its dark rim to a lit ridge, or ``flat``."""
        camera = (np.stack([start, end]) - self._position) @ self._rotation.T
        depths = camera[:, 2]
        if depths.min() < _NEAR_M:
            return
        points = (camera @ self._camera.T)[:, :2] / depths[:, None]
        radii = self._camera[0, 0] * np.array([start_m, end_m]) / depths
        for share, light in _FLAT if flat else _ROUND:
            ridge = points - 0.35 * (1.0 - share) * radii[:, None]  # the lamp is up and to the left
            rims = ridge[:, None] + share * radii[:, None, None] * _CIRCLE
            hull = cv2.convexHull(rims.reshape(-1, 2).astype(np.float32))
            _fill(self.image, np.asarray(hull, np.float64)[:, 0], _shade(color, light), cv2.LINE_AA)

    def _outline(self, points: Float64) -> Float64:
        """(M, 2) pixels of a convex polygon, clipped to the picture; M is 0 if it is not visible."""
        camera = (points - self._position) @ self._rotation.T
        if (camera @ self._frustum.T < _NEAR_M).any():
            for normal in self._frustum:
                camera = _clip(camera, normal)
        image = camera @ self._camera.T
        outline: Float64 = image[:, :2] / image[:, 2:]
        return outline

    def _visible_box(self, outline: Float64) -> tuple[int, int, int, int]:
        height, width = self.image.shape[:2]
        left, top = np.clip(np.floor(outline.min(axis=0)), 0, [width, height]).astype(int)
        right, bottom = np.clip(np.ceil(outline.max(axis=0)) + 1, 0, [width, height]).astype(int)
        return int(left), int(top), int(right - left), int(bottom - top)


def _frustum(width: int, height: int, camera_matrix: Float64) -> Float64:
    """(5, 3) inward normals: visible points are in front of the camera and within the four edges."""
    x, y, z = camera_matrix
    return np.stack([at(0.0, 0.0, 1.0), x, (width - 1) * z - x, y, (height - 1) * z - y])


def _clip(polygon: Float64, normal: Float64) -> Float64:
    """Clip a convex polygon just inside a plane (Sutherland and Hodgman, 1974)."""
    heights = polygon @ normal - _NEAR_M
    clipped: list[Float64] = []
    for index, here in enumerate(heights):
        before = heights[index - 1]
        if (here < 0.0) != (before < 0.0):
            clipped.append(polygon[index] + (polygon[index - 1] - polygon[index]) * here / (here - before))
        if here >= 0.0:
            clipped.append(polygon[index])
    return np.array(clipped).reshape(-1, 3)


@cache
def _shade(color: Color, light: float) -> Color:
    red, green, blue = (min(255, round(channel * light)) for channel in color)
    return red, green, blue


def _fill(image: UInt8, outline: Float64, color: Color | int, line: int) -> None:
    fixed = (outline * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(image, fixed, color if isinstance(color, tuple) else (color,), line, _SUBPIXEL_BITS)
