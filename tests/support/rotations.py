"""Rotations for tests of poses."""

import cv2
import numpy as np

from stream.pipeline.items import Float64


def rotation(x_rad: float, y_rad: float, z_rad: float) -> Float64:
    """(3, 3) of a rotation vector, whose length is the angle."""
    return np.asarray(cv2.Rodrigues(np.array([x_rad, y_rad, z_rad]))[0], np.float64)
