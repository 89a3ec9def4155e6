"""The demo's lens: projects a pinhole canvas through a fisheye, with blur, vignette and noise."""

import cv2
import numpy as np

from stream.demo.raster import Canvas
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.pipeline.items import Float32, Float64, UInt8

_NOISE_LEVEL = 2.2
"""Standard deviation, of 255."""
_NOISE_OFFSET = 12
"""Noise is stored as uint8 around this value, which is subtracted after adding: saturating arithmetic is fast."""
_NOISE_SLACK_PX = 64
_SHUTTER_S = 1.0 / 60.0
_COARSER = 0.78
"""Canvas pixels per picture pixel in the middle; a pinhole picture has more of them towards its edges."""


def demo_intrinsics(width: int, height: int) -> KannalaBrandt:
    """The lens of the demo: 124 degrees across 16:9, nearly equidistant, principal point a little off the middle."""
    focal = 0.44 * width
    return KannalaBrandt(
        model="fisheye",
        image_width=width,
        image_height=height,
        fx=focal,
        fy=focal,
        cx=0.507 * width - 0.5,
        cy=0.492 * height - 0.5,
        k1=0.03,
        k2=0.012,
        k3=0.0,
        k4=0.0,
    )


class Lens:
    """Projects the pinhole canvas through the fisheye, and adds blur, vignette and noise."""

    def __init__(self, intrinsics: KannalaBrandt, seed: int) -> None:
        width, height = intrinsics.image_width, intrinsics.image_height
        rays = _rays(intrinsics)
        focal_px = _COARSER * intrinsics.fx
        low, high = rays.min(axis=(0, 1)), rays.max(axis=(0, 1))
        canvas_w, canvas_h = np.ceil((high - low) * focal_px).astype(int) + 3
        centre = 1.0 - low * focal_px
        matrix = np.array([[focal_px, 0.0, centre[0]], [0.0, focal_px, centre[1]], [0.0, 0.0, 1.0]])
        self.canvas = Canvas(int(canvas_w), int(canvas_h), matrix)
        places: Float32 = (rays * focal_px + centre).astype(np.float32)
        x: Float32 = places[..., 0]
        y: Float32 = places[..., 1]
        self._map = cv2.convertMaps(x, y, cv2.CV_16SC2)
        self._vignette = _vignette(width, height)
        self._rng = np.random.default_rng(seed)
        noise = self._rng.normal(_NOISE_OFFSET, _NOISE_LEVEL, (height + _NOISE_SLACK_PX, width + _NOISE_SLACK_PX, 3))
        self._noise = np.clip(noise, 0, 255).astype(np.uint8)

    def expose(self, turning: float) -> UInt8:
        """(height, width, 3) uint8 RGB of the canvas; ``turning`` is the yaw rate of the head, radians a second."""
        canvas = self.canvas.image
        smear_px = round(abs(turning) * _SHUTTER_S * self.canvas.focal_px)
        if smear_px > 1:
            canvas = np.asarray(cv2.blur(canvas, (smear_px, 1)), np.uint8)
        picture = cv2.multiply(cv2.remap(canvas, *self._map, cv2.INTER_LINEAR), self._vignette, scale=1.0 / 255.0)
        x, y = self._rng.integers(0, _NOISE_SLACK_PX, 2)
        noise = self._noise[y : y + picture.shape[0], x : x + picture.shape[1]]
        return np.asarray(cv2.subtract(cv2.add(picture, noise), np.full_like(picture, _NOISE_OFFSET)), np.uint8)


def _rays(intrinsics: KannalaBrandt) -> Float64:
    """(height, width, 2): where the ray of every fisheye pixel meets the plane at distance 1."""
    k = np.array([[intrinsics.fx, 0.0, intrinsics.cx], [0.0, intrinsics.fy, intrinsics.cy], [0.0, 0.0, 1.0]])
    x, y = np.meshgrid(np.arange(float(intrinsics.image_width)), np.arange(float(intrinsics.image_height)))
    rays = cv2.fisheye.undistortPoints(np.stack([x, y], axis=-1).reshape(-1, 1, 2), k, intrinsics.d)
    return np.asarray(rays, np.float64).reshape(*x.shape, 2)


def _vignette(width: int, height: int) -> UInt8:
    """(height, width, 3) uint8: 255 in the middle, darker towards the corners."""
    across = np.linspace(-1.0, 1.0, width)[None, :]
    down = np.linspace(-1.0, 1.0, height)[:, None] * height / width
    light: Float32 = (255.0 * (1.0 - 0.26 * (across**2 + down**2) ** 1.5)).astype(np.float32)
    return np.repeat(light.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
