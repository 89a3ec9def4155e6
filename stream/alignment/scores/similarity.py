"""How alike two pictures are: mean squared error, PSNR and SSIM, over all pixels or some."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from stream.pipeline.items import Float64, UInt8

_LARGEST: Final = 255.0
WINDOW_PX: Final = 11
_SIGMA_PX: Final = 1.5
_C1, _C2 = (0.01 * _LARGEST) ** 2, (0.03 * _LARGEST) ** 2


def mean_squared_error(first: UInt8, second: UInt8, mask: npt.NDArray[np.bool_]) -> float:
    """Over the channels of the pixels in ``mask``, (H, W), of two (H, W, 3) pictures; NaN if there are none."""
    if not mask.any():
        return float("nan")
    difference = first[mask].astype(np.float64) - second[mask]
    return float(np.mean(difference**2))


def psnr_db(squared_error: float) -> float:
    """Peak signal-to-noise ratio of 8-bit pictures from their mean squared error; infinite if that is 0."""
    return float("inf") if squared_error == 0.0 else float(10.0 * np.log10(_LARGEST**2 / squared_error))


def mean_ssim(first: UInt8, second: UInt8, mask: npt.NDArray[np.bool_]) -> float:
    """Mean structural similarity of the luminance of two (H, W, 3) BGR pictures; NaN if no window is whole.

    Only windows whose pixels all lie in ``mask``, (H, W), and in the picture count: a window that reaches into a filled
    hole would judge the fill.

    Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004, equation 13,
    with a Gaussian window of 11 pixels and a standard deviation of 1.5, K1 = 0.01 and K2 = 0.03.
    """
    window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
    is_whole = cv2.erode(mask.astype(np.uint8), window, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    return float(np.mean(_ssim(_luminance(first), _luminance(second))[is_whole])) if is_whole.any() else float("nan")


def _ssim(x: Float64, y: Float64) -> Float64:
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    similar = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return np.asarray(similar / ((mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2)), np.float64)


def _luminance(picture: UInt8) -> Float64:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.float64)


def _blurred(values: Float64) -> Float64:
    return np.asarray(cv2.GaussianBlur(values, (WINDOW_PX, WINDOW_PX), _SIGMA_PX), np.float64)
