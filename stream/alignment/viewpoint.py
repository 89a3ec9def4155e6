"""Where the target camera is: a trajectory and one draw of noise an episode, or a given pose."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from stream.errors import UsageError
from stream.geometry.pose import RigidPose

Trajectory: TypeAlias = Literal["left", "right", "up", "down", "forward", "backward"]

DIRECTIONS: Final = MappingProxyType(
    {
        "left": (-1.0, 0.0, 0.0),
        "right": (1.0, 0.0, 0.0),
        "up": (0.0, -1.0, 0.0),
        "down": (0.0, 1.0, 0.0),
        "forward": (0.0, 0.0, 1.0),
        "backward": (0.0, 0.0, -1.0),
    }
)
"""The camera's own movement, in OpenCV's axes: x right, y down, z forward."""
_POSE_KEY: Final = "target_from_source"


@dataclass(frozen=True, slots=True, eq=False)
class Viewpoint:
    """The target camera of an episode."""

    target_from_source: RigidPose
    noise_m: float = 0.0
    """What was drawn and added to the distance."""


def moved(
    trajectory: Trajectory, distance_m: float, noise_m: float = 0.0, seed: int = 0, episode: str = ""
) -> Viewpoint:
    """The camera moved along one of its own axes, without a rotation.

    The noise is uniform in [-noise_m, noise_m), drawn once from the seed and the episode's name: an episode has one
    camera, whatever else is aligned beside it.
    """
    entropy = int.from_bytes(hashlib.sha256(episode.encode()).digest()[:8], "big")
    drawn_m = float(np.random.default_rng([seed, entropy]).uniform(-noise_m, noise_m)) if noise_m else 0.0
    movement = np.array(DIRECTIONS[trajectory]) * (distance_m + drawn_m)
    return Viewpoint(RigidPose(np.eye(3), 0.0 - movement), drawn_m)


def read_pose(path: Path) -> RigidPose:
    """The pose in a JSON file: a 4x4 matrix, alone or as ``target_from_source``.

    Raises:
        UsageError: the file cannot be read, or holds no rigid motion.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--pose {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--pose {path} is not JSON: give a 4x4 matrix as four lists of four numbers") from error
    rows = content.get(_POSE_KEY) if isinstance(content, dict) else content
    try:
        matrix = np.array(rows, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(_not_a_matrix(path)) from error
    if matrix.shape != (4, 4):
        raise UsageError(_not_a_matrix(path))
    try:
        return RigidPose.from_matrix(matrix)
    except UsageError as error:
        raise UsageError(f"--pose {path}: {error}") from error


def _not_a_matrix(path: Path) -> str:
    return f"--pose {path} is not a 4x4 matrix of numbers: give four lists of four, alone or as {_POSE_KEY!r}"
