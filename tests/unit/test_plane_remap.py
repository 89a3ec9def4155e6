"""The remap of whole pictures in 4:2:0: the fused remap's luma, and chroma that is interpolated once."""

import av
import cv2
import numpy as np
import pytest

from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.full_frame import FullFrameRectifier
from stream.geometry.lenses.table import intrinsics_from
from stream.geometry.plane_remap import PlaneRemap, coded_frame
from stream.geometry.viewport import coded_view, source_map
from stream.pipeline.items import Float32, Float64, UInt8

SIZE = 160, 90
LENS = intrinsics_from(
    {
        "model": "fisheye", "image_width": SIZE[0], "image_height": SIZE[1], "fx": 60.0, "fy": 60.5, "cx": 81.0,
        "cy": 44.0, "k1": 0.03, "k2": -0.01, "k3": 0.004, "k4": -0.001,
    }
)  # fmt: skip


def smooth_frame(pixel_format: str = "yuv420p") -> av.VideoFrame:
    noise = np.random.default_rng(2).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 6)
    return av.VideoFrame.from_ndarray(np.asarray(picture, np.uint8), format="rgb24").reformat(format=pixel_format)


def plain_frame(ycbcr: tuple[int, int, int]) -> av.VideoFrame:
    return coded_frame(np.full((SIZE[1], SIZE[0], 3), ycbcr, np.uint8))


def remap_of(frame: av.VideoFrame, balance: float = 0.0) -> PlaneRemap:
    camera = fit_camera(LENS, *SIZE, balance)
    return PlaneRemap(frame_format_of(frame), source_map(coded_view(*SIZE, None), *SIZE, camera))


def planes_of(frame: av.VideoFrame) -> tuple[UInt8, UInt8]:
    """Luma, and both planes of chroma."""
    coded = np.asarray(frame.to_ndarray(), np.uint8)
    return coded[: frame.height], coded[frame.height :]


def interpolated(plane: UInt8, x: Float32, y: Float32) -> Float64:
    """Bilinear, in float64; positions are in the plane."""
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, plane.shape[1] - 1), np.minimum(top + 1, plane.shape[0] - 1)
    across, down = x.astype(np.float64) - left, y.astype(np.float64) - top
    above, below = ((1 - across) * plane[row, left] + across * plane[row, right] for row in (top, bottom))
    return np.asarray((1 - down) * above + down * below, np.float64)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "yuv444p"])
@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_planes_are_those_of_the_fused_remap(pixel_format: str, balance: float) -> None:
    """Luma but for rounding; chroma, which that doubles and halves on the way, nearly."""
    frame = smooth_frame(pixel_format)
    remap = remap_of(frame, balance)
    luma, chroma = planes_of(remap.coded(frame))
    expected_luma, expected_chroma = planes_of(coded_frame(remap.ycbcr(frame)))
    assert np.abs(luma.astype(int) - expected_luma).max() <= 1
    assert np.abs(chroma.astype(int) - expected_chroma).mean() < 0.5


def test_luma_is_interpolated_bilinearly_between_the_nearest_four() -> None:
    """Up to the rounding of a sample."""
    frame = smooth_frame()
    remap = remap_of(frame)
    part = remap._roi.cut(planes_of(frame)[0], 0)
    luma, _ = planes_of(remap.coded(frame))
    assert np.abs(luma - interpolated(part, *remap.coordinates)).max() < 0.6


def test_a_picture_of_one_colour_keeps_it_up_to_its_edges() -> None:
    """No grey of the border mixes into chroma; where nothing was recorded, both are black."""
    luma, chroma = planes_of(remap_of(frame := plain_frame((90, 200, 60))).coded(frame))
    assert {*np.unique(luma)} == {90}
    assert {*np.unique(chroma)} == {200, 60}
    wide = remap_of(frame, balance=1.0)
    luma, chroma = planes_of(wide.coded(frame))
    assert {*np.unique(luma)} == {90, 16}
    assert {*np.unique(chroma)} == {200, 60, 128}


def test_a_smaller_video_is_reduced_with_care() -> None:
    """It goes through the fused remap, which averages."""
    frame = smooth_frame()
    small = FullFrameRectifier(frame_format_of(frame), fit_camera(LENS, *SIZE), 80)(frame)
    assert (small.width, small.height, small.format.name) == (80, 44, "yuv420p")
