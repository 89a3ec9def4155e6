"""The pictures that are made from a frame, and where their pixels are in the source picture.

This is pure geometry of the upright picture, as a viewer sees it; no pixel is touched here.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stream.errors import IntrinsicsError
from stream.pipeline.items import Float32, Float64

if TYPE_CHECKING:
    from stream.geometry.camera import Camera  # it needs OpenCV, which not every process loads

ResizeMode: TypeAlias = Literal["center-crop", "stretch", "letterbox"]
"""How a picture becomes the square encoder frame: a centre crop, stretched, or whole between black bars."""
TRIANGLE_PX2 = 1.0 / 6.0
"""Variance of linear interpolation, whose kernel is a triangle of half width 1."""


@dataclass(frozen=True)
class Viewport:
    """A scaled crop of the rectified picture, which has the size of the source picture."""

    width: int
    height: int
    scale_x: float
    """Viewport pixels per picture pixel."""
    scale_y: float
    left: int = 0
    """Viewport pixels cropped on the left; a negative value adds a black bar."""
    top: int = 0

    def of_resized(self, size: tuple[int, int], new_size: tuple[int, int]) -> "Viewport":
        """The same view of a picture that was scaled from ``size`` to ``new_size`` (width and height, pixels)."""
        scale_x, scale_y = self.scale_x * size[0] / new_size[0], self.scale_y * size[1] / new_size[1]
        return self if size == new_size else replace(self, scale_x=scale_x, scale_y=scale_y)

    @property
    def triangle_steps(self) -> tuple[float, float]:
        """Half width, in view pixels across and down, of the kernel of an antialiased bilinear resize; 0 for none."""
        across, down = (0.0 if scale == 1.0 else max(1.0, scale) for scale in (self.scale_x, self.scale_y))
        return across, down

    def shows(self, width: int, height: int) -> npt.NDArray[np.bool_]:
        """(height, width) of the view: whether a pixel shows a picture of ``width`` x ``height``, and not a bar."""
        across, down = self._picture_pixels()
        return ((down > -0.5) & (down < height - 0.5))[:, None] & ((across > -0.5) & (across < width - 0.5))[None, :]

    def straight(self) -> tuple[Float32, Float32]:
        """(height, width) x and y of the view's pixels in the picture."""
        across, down = self._picture_pixels()
        x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
        return x, y

    @property
    def matrix(self) -> Float64:
        """(3, 3) from picture pixels to view pixels; scaling fixes edges, not pixel centres."""
        return np.array(
            [
                [self.scale_x, 0.0, 0.5 * self.scale_x - 0.5 - self.left],
                [0.0, self.scale_y, 0.5 * self.scale_y - 0.5 - self.top],
                [0.0, 0.0, 1.0],
            ]
        )

    def _picture_pixels(self) -> tuple[Float64, Float64]:
        """(width,) and (height,): positions of the view's columns and rows in the picture."""
        across = (np.arange(self.width, dtype=np.float64) + self.left + 0.5) / self.scale_x - 0.5
        down = (np.arange(self.height, dtype=np.float64) + self.top + 0.5) / self.scale_y - 0.5
        return across, down


@dataclass(frozen=True, eq=False)
class SourceMap:
    """The positions of a view's pixels in the upright source picture."""

    x: Float32
    """(height, width) float32, source pixels."""
    y: Float32
    valid: npt.NDArray[np.bool_]
    """(height, width): whether the source shows it: inside the picture and not beyond the lens's fold."""
    blur_px2: tuple[float, float]
    """Variance across and down, source pixels squared, of the blur of a full-size remap followed by an antialiased
    resize."""

    @property
    def valid_fraction(self) -> float:
        """Fraction of the view that the source shows."""
        return float(self.valid.mean())


def encoder_view(width: int, height: int, encoder_px: int, resize_mode: ResizeMode = "center-crop") -> Viewport:
    """The encoder frame of a picture of ``width`` x ``height``, a square of ``encoder_px``."""
    match resize_mode:
        case "center-crop":
            return _cropped(width, height, encoder_px)
        case "stretch":
            return Viewport(encoder_px, encoder_px, encoder_px / width, encoder_px / height)
        case "letterbox":
            return _letterboxed(width, height, encoder_px)


def _cropped(width: int, height: int, encoder_px: int) -> Viewport:
    """The V-JEPA 2 video processor's crop: shortest edge to 8/7 of ``encoder_px`` (292 for 256), then a centre crop.

    Like transformers' ``VJEPA2VideoProcessor``, it rounds down the long edge and the crop's offset.
    """
    shortest = encoder_px * 256 // 224
    if width <= height:
        resized_w, resized_h = shortest, int(shortest * height / width)
    else:
        resized_w, resized_h = int(shortest * width / height), shortest
    left, top = (resized_w - encoder_px) // 2, (resized_h - encoder_px) // 2
    return Viewport(encoder_px, encoder_px, resized_w / width, resized_h / height, left, top)


def _letterboxed(width: int, height: int, encoder_px: int) -> Viewport:
    """The long edge scaled to the frame's side, the short one rounded; equal bars, an odd pixel goes below or right."""
    scale = encoder_px / max(width, height)
    resized_w, resized_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = -((encoder_px - resized_w) // 2), -((encoder_px - resized_h) // 2)
    return Viewport(encoder_px, encoder_px, resized_w / width, resized_h / height, left, top)


def keyframe_view(width: int, height: int, longest_px: int) -> Viewport:
    """The whole picture, scaled down so that its longest side is at most ``longest_px``."""
    scale = min(1.0, longest_px / max(width, height))
    view_w, view_h = max(2, round(width * scale)), max(2, round(height * scale))
    return Viewport(view_w, view_h, view_w / width, view_h / height)


def coded_view(width: int, height: int, longest_px: int | None) -> Viewport:
    """The whole picture for a video, not enlarged, with the even sides that 4:2:0 needs.

    Pixels stay square: the last line of an odd side is cropped, nothing is stretched.
    """
    scale = 1.0 if longest_px is None else min(1.0, longest_px / max(width, height))
    return Viewport(_even(width * scale), _even(height * scale), scale, scale)


def _even(side: float) -> int:
    return max(2, int(side + 1e-6) // 2 * 2)


def source_map(view: Viewport, width: int, height: int, camera: "Camera | None") -> SourceMap:
    """Locate a view's pixels in the source picture, through the lens, or directly if there is no camera.

    Args:
        view: the view.
        width: width of the upright source picture, pixels.
        height: its height, pixels.
        camera: for that size; None leaves the picture unrectified.

    Raises:
        IntrinsicsError: no pixel of the picture is visible through this lens.
    """
    if camera is None:
        x, y = view.straight()
        seen, remap_px2 = np.ones(x.shape, np.bool_), 0.0
    else:
        x, y, seen = camera.locate(view.matrix @ camera.new_k, view.width, view.height)
        remap_px2 = TRIANGLE_PX2
    valid = seen & view.shows(width, height) & (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    if not valid.any():
        raise IntrinsicsError(
            "no pixel of the picture is visible through the lens of these intrinsics; check k1 to k4, cx and cy"
        )
    across, down = (remap_px2 + TRIANGLE_PX2 * steps**2 for steps in _kernel_px(x, y, view))
    return SourceMap(x, y, valid, (across, down))


def _kernel_px(x: Float32, y: Float32, view: Viewport) -> tuple[float, float]:
    """Half width, in typical source pixels across and down, of the kernel of an antialiased bilinear resize."""
    across, down = view.triangle_steps
    return across * float(np.median(np.abs(np.diff(x, axis=1)))), down * float(np.median(np.abs(np.diff(y, axis=0))))
