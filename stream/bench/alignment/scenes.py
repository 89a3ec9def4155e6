"""Scenes of egocentric work that are known exactly, and two views of each: what a person's camera and a robot's see.

The world has x to the right, y down and z ahead, in metres, with the floor at y = 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from stream.bench.alignment.ray_cast import BOX, CAPSULE, cast_back, cast_picture
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, Float64, UInt8

_SKIN: Final = (0.45, 0.53, 0.72)
"""Blue, green, red."""


@dataclass(frozen=True, slots=True, eq=False)
class ExactScene:
    """Solids, and the head camera that looks at them."""

    solids: Float64
    """(N, 21), rows as ``ray_cast`` describes them."""
    world_from_head: RigidPose
    view_deg: float
    """Horizontal angle of view of the head camera."""

    def camera(self, width_px: int, height_px: int) -> PinholeCamera:
        """The head camera, with pictures of this size."""
        focal = width_px / (2.0 * np.tan(np.radians(self.view_deg) / 2.0))
        centre = (width_px - 1) / 2.0, (height_px - 1) / 2.0
        return PinholeCamera(
            np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]]), width_px, height_px
        )


@dataclass(frozen=True, slots=True, eq=False)
class ExactView:
    """What a camera sees."""

    picture: UInt8
    """(H, W, 3) BGR."""
    depth_m: Float32
    """(H, W), at the pixels' centres."""


@dataclass(frozen=True, slots=True, eq=False)
class ExactPair:
    """A scene from two cameras."""

    source: ExactView
    target: ExactView
    is_visible: npt.NDArray[np.bool_]
    """(H, W) of the target: whether the source sees the point at its centre, too."""


def view(scene: ExactScene, camera: PinholeCamera, head_from_camera: RigidPose) -> ExactView:
    """The view of a camera, whose pose is that in the head camera."""
    world = scene.world_from_head @ head_from_camera
    shape = camera.height_px, camera.width_px
    picture, depth_m = np.zeros((*shape, 3)), np.zeros(shape)
    cast_picture(scene.solids, camera.k, world.rotation, world.translation_m, picture, depth_m)
    return ExactView(np.round(picture * 255.0).astype(np.uint8), depth_m.astype(np.float32))


def view_pair(
    scene: ExactScene, source: PinholeCamera, target: PinholeCamera, target_from_source: RigidPose
) -> ExactPair:
    """The views of the head camera and of another one."""
    head_from_target = target_from_source.inverse()
    of_target = view(scene, target, head_from_target)
    column, row = np.meshgrid(np.arange(target.width_px), np.arange(target.height_px))
    rays = np.stack([column, row, np.ones_like(row)], axis=-1) @ np.linalg.inv(target.k).T
    points = (scene.world_from_head @ head_from_target).apply(rays * of_target.depth_m[..., None].astype(np.float64))
    is_visible = np.empty(of_target.depth_m.shape, np.bool_)
    head, size = scene.world_from_head, (source.width_px, source.height_px)
    cast_back(scene.solids, points, source.k, head.rotation, head.translation_m, size, is_visible)
    return ExactPair(view(scene, source, RigidPose.identity()), of_target, is_visible)


def _turn(tilt_rad: float, pan_rad: float, roll_rad: float = 0.0) -> Float64:
    """A rotation: first about the optical axis, then about the vertical one, then about the horizontal one."""
    steps = [(tilt_rad, 0.0, 0.0), (0.0, pan_rad, 0.0), (0.0, 0.0, roll_rad)]
    tilt, pan, roll = (np.asarray(cv2.Rodrigues(np.array(step))[0], np.float64) for step in steps)
    return tilt @ pan @ roll


class _Builder:
    """Collects solids, with patterns that differ."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self._rows: list[Float64] = []

    def box(self, centre: tuple[float, ...], half: tuple[float, ...], pan_rad: float, pattern_m: float) -> None:
        """A box that stands upright."""
        self._add(BOX, centre, half, _turn(0.0, pan_rad), tuple(self.random.uniform(0.2, 0.85, 3)), pattern_m)

    def limb(self, centre: tuple[float, ...], half: tuple[float, float], pan_rad: float, roll_rad: float) -> None:
        """A capsule of skin: half a length and a radius."""
        self._add(CAPSULE, centre, (*half, 0.0), _turn(0.0, pan_rad, roll_rad), _SKIN, 0.06)

    def clutter(self, count: int, x: float, z: tuple[float, float], top_y: float, half: tuple[float, float]) -> None:
        """Boxes of random sizes on a surface at height ``top_y``."""
        for _ in range(count):
            size = self.random.uniform(*half, 3)
            at = self.random.uniform(-x, x), top_y - size[1], self.random.uniform(*z)
            self.box(at, tuple(size), self.random.uniform(0.0, 3.0), 1.2 * float(size.max()))

    def scene(self, head: Float64, tilt_rad: float, view_deg: float) -> ExactScene:
        """The scene in a room."""
        self.box((0.0, -1.5, 2.2), (2.8, 1.5, 4.2), 0.0, 0.5)
        return ExactScene(np.array(self._rows), RigidPose(_turn(tilt_rad, 0.0), head), view_deg)

    def _add(
        self,
        kind: float,
        centre: tuple[float, ...],
        half: tuple[float, ...],
        turn: Float64,
        colour: tuple[float, ...],
        pattern_m: float,
    ) -> None:
        phase = self.random.uniform(0.0, 6.0)
        self._rows.append(np.array([kind, *centre, *half, *turn.ravel(), *colour, pattern_m, phase]))


def _bench(build: _Builder) -> ExactScene:
    """Parts on a workbench, and two forearms that reach for one."""
    build.box((0.0, -0.45, 0.8), (1.0, 0.45, 0.5), 0.0, 0.14)
    build.clutter(10, 0.55, (0.5, 1.15), -0.9, (0.02, 0.09))
    build.box((0.05, -1.05, 0.5), (0.03, 0.05, 0.03), 0.6, 0.05)
    build.limb((0.18, -1.12, 0.37), (0.15, 0.042), -1.1, 0.3)
    build.limb((-0.19, -1.11, 0.41), (0.13, 0.04), -2.0, -0.3)
    return build.scene(np.array([0.0, -1.5, 0.08]), -0.75, 80.0)


def _aisle(build: _Builder) -> ExactScene:
    """A walk between racks, over a floor that is seen at a grazing angle."""
    for i in range(10):
        half_height = build.random.uniform(0.4, 1.1)
        at = (-1.0) ** i * build.random.uniform(0.9, 1.5), -half_height, 0.9 + 0.45 * i
        build.box(at, (0.26, half_height, 0.3), build.random.uniform(-0.2, 0.2), 0.2)
    build.clutter(6, 0.5, (1.3, 4.0), 0.0, (0.08, 0.2))
    return build.scene(np.array([0.0, -1.6, 0.0]), -0.22, 85.0)


def _shelf(build: _Builder) -> ExactScene:
    """Goods on three boards, and an arm before them."""
    build.box((0.0, -1.2, 1.9), (1.4, 1.2, 0.05), 0.0, 0.25)
    for level in range(3):
        top = -0.8 - 0.4 * level
        build.box((0.0, top + 0.015, 1.5), (1.2, 0.015, 0.25), 0.0, 0.2)
        for i in range(7):
            half = build.random.uniform(0.03, 0.13, 3) * (1.0, 1.0, 0.8)
            x, z = -0.8 + 0.27 * i + build.random.uniform(-0.05, 0.05), 1.42 + build.random.uniform(-0.1, 0.1)
            build.box((x, top - half[1], z), tuple(half), build.random.uniform(-0.5, 0.5), 0.09)
    build.limb((0.22, -1.3, 0.56), (0.2, 0.046), -1.2, 0.2)
    return build.scene(np.array([0.0, -1.5, 0.05]), -0.12, 75.0)


def _in_hand(build: _Builder) -> ExactScene:
    """A thing between fingers, 0.3 m from the camera."""
    build.box((0.0, -0.45, 0.65), (1.0, 0.45, 0.55), 0.0, 0.1)
    build.box((0.02, -1.08, 0.41), (0.06, 0.026, 0.05), 0.4, 0.05)
    build.limb((0.13, -1.08, 0.37), (0.08, 0.035), -0.8, 0.0)
    build.limb((-0.1, -1.07, 0.39), (0.08, 0.035), 0.9, 0.0)
    for i in range(4):
        build.limb((-0.03 + 0.025 * i, -1.12, 0.41), (0.03, 0.009), 1.2 + 0.1 * i, 0.0)
    build.clutter(10, 0.45, (0.35, 1.0), -0.9, (0.01, 0.05))
    return build.scene(np.array([0.0, -1.42, 0.12]), -0.95, 80.0)


SCENES: Final[Mapping[str, Callable[[_Builder], ExactScene]]] = {
    "bench": _bench,
    "aisle": _aisle,
    "shelf": _shelf,
    "in-hand": _in_hand,
}
"""By their names."""


def scene(name: str, seed: int = 0) -> ExactScene:
    """One of ``SCENES``; the seed chooses the sizes, places and colours of things."""
    return SCENES[name](_Builder(seed))
