"""Exact scenes over time: a head that looks around, and limbs that move by themselves."""

from dataclasses import replace

import cv2
import numpy as np

from stream.bench.alignment.ray_cast import CAPSULE
from stream.bench.alignment.scenes import ExactScene
from stream.geometry.pose import RigidPose


def head_motion(time_s: float) -> RigidPose:
    """The head's pose in that of the first frame: some centimetres and degrees a second."""
    pan, tilt = 0.14 * np.sin(0.8 * time_s), 0.12 * np.sin(1.1 * time_s + 0.5)
    turn = np.asarray(cv2.Rodrigues(np.array([tilt, pan, 0.0]))[0], np.float64)
    way = 0.06 * np.sin(0.9 * time_s), 0.03 * np.sin(1.5 * time_s), 0.04 * np.sin(0.7 * time_s)
    return RigidPose(turn, np.array(way))


def scene_at(exact: ExactScene, time_s: float) -> ExactScene:
    """The scene with its limbs where they are at a time."""
    solids = exact.solids.copy()
    is_limb = solids[:, 0] == CAPSULE
    solids[is_limb, 1:4] += [0.1 * np.sin(1.3 * time_s), 0.03 * np.sin(2.1 * time_s + 1), 0.05 * np.sin(0.9 * time_s)]
    return replace(exact, solids=solids)
