"""Which pictures are made of a frame, and where each of their pixels lies in the source picture.

All of it is geometry of the upright picture, the one a viewer sees; no pixel is touched here.
"""

from dataclasses import dataclass
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
"""Variance of linear interpolation: of a triangle of half width 1."""


@dataclass(frozen=True)
class Viewport:
    """A scaled crop of the rectified picture, which has the size of the source picture."""

    width: int
    height: int
    scale_x: float
    """Viewport pixels per picture pixel."""
    scale_y: float
    left: int = 0
    """Viewport pixels cut off on the left; where less than 0, black is put there instead."""
    top: int = 0

    @property
    def triangle_steps(self) -> tuple[float, float]:
        """Half width, in view pixels across and down, of the kernel of an antialiased bilinear resize; 0 for none."""
        across, down = (0.0 if scale == 1.0 else max(1.0, scale) for scale in (self.scale_x, self.scale_y))
        return across, down

    def shows(self, width: int, height: int) -> npt.NDArray[np.bool_]:
        """(height, width) of the view: whether there is a picture of ``width`` x ``height``, or a bar beside it."""
        across, down = self._picture_pixels()
        return ((down > -0.5) & (down < height - 0.5))[:, None] & ((across > -0.5) & (across < width - 0.5))[None, :]

    def straight(self) -> tuple[Float32, Float32]:
        """(height, width) each: where the view's pixels lie in the picture."""
        across, down = self._picture_pixels()
        x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
        return x, y

    @property
    def matrix(self) -> Float64:
        """(3, 3) from picture pixels to view pixels; edges, not centres, keep their place when scaling."""
        return np.array(
            [
                [self.scale_x, 0.0, 0.5 * self.scale_x - 0.5 - self.left],
                [0.0, self.scale_y, 0.5 * self.scale_y - 0.5 - self.top],
                [0.0, 0.0, 1.0],
            ]
        )

    def _picture_pixels(self) -> tuple[Float64, Float64]:
        """(width,) and (height,): where the view's columns and rows lie in the picture."""
        across = (np.arange(self.width, dtype=np.float64) + self.left + 0.5) / self.scale_x - 0.5
        down = (np.arange(self.height, dtype=np.float64) + self.top + 0.5) / self.scale_y - 0.5
        return across, down


@dataclass(frozen=True, eq=False)
class SourceMap:
    """Where the pixels of a view lie in the upright source picture."""

    x: Float32
    """(height, width) float32, source pixels."""
    y: Float32
    valid: npt.NDArray[np.bool_]
    """(height, width), whether the source shows it: within the picture, and not beyond the lens's fold."""
    blur_px2: tuple[float, float]
    """Variance across and down, source pixels squared, of what the slow way blurs: the full-size remap, then an
    antialiased resize."""

    @property
    def valid_fraction(self) -> float:
        """Share of the view that shows something."""
        return float(self.valid.mean())


def encoder_view(width: int, height: int, encoder_px: int, geometry: ResizeMode = "center-crop") -> Viewport:
    """The encoder frame of a picture of ``width`` x ``height``, a square of ``encoder_px``."""
    match geometry:
        case "center-crop":
            return _cropped(width, height, encoder_px)
        case "stretch":
            return Viewport(encoder_px, encoder_px, encoder_px / width, encoder_px / height)
        case "letterbox":
            return _letterboxed(width, height, encoder_px)


def _cropped(width: int, height: int, encoder_px: int) -> Viewport:
    """The V-JEPA 2 video processor's crop: shortest edge to 8/7 of ``encoder_px`` (292 for 256), then a centre crop.

    As transformers' ``VJEPA2VideoProcessor`` does it, which floors the long edge and the crop's offset.
    """
    shortest = encoder_px * 256 // 224
    if width <= height:
        resized_w, resized_h = shortest, int(shortest * height / width)
    else:
        resized_w, resized_h = int(shortest * width / height), shortest
    left, top = (resized_w - encoder_px) // 2, (resized_h - encoder_px) // 2
    return Viewport(encoder_px, encoder_px, resized_w / width, resized_h / height, left, top)


def _letterboxed(width: int, height: int, encoder_px: int) -> Viewport:
    """The long edge to the frame's side, the short one rounded; bars of equal size, the odd pixel below or right."""
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
    """The whole picture for a video, not enlarged, and with even sides, which 4:2:0 needs.

    Pixels stay square: where a side is odd its last line is left out, nothing is stretched.
    """
    scale = 1.0 if longest_px is None else min(1.0, longest_px / max(width, height))
    return Viewport(_even(width * scale), _even(height * scale), scale, scale)


def _even(side: float) -> int:
    return max(2, int(side + 1e-6) // 2 * 2)


def source_map(view: Viewport, width: int, height: int, camera: "Camera | None") -> SourceMap:
    """Look from a view into the source picture, through the lens, or straight where there is no camera.

    Args:
        view: What is to be made.
        width: Of the upright source picture, pixels.
        height: The same.
        camera: For that size; None leaves the picture as it is.

    Raises:
        IntrinsicsError: through this lens nothing of the picture is seen.
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
            "through the lens of these intrinsics nothing of the picture is seen; check k1 to k4, cx and cy"
        )
    across, down = (remap_px2 + TRIANGLE_PX2 * steps**2 for steps in _kernel_px(x, y, view))
    return SourceMap(x, y, valid, (across, down))


def _kernel_px(x: Float32, y: Float32, view: Viewport) -> tuple[float, float]:
    """Half width, in typical source pixels across and down, of the kernel of an antialiased bilinear resize."""
    across, down = view.triangle_steps
    return across * float(np.median(np.abs(np.diff(x, axis=1)))), down * float(np.median(np.abs(np.diff(y, axis=0))))
