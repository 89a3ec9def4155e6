"""The other ways to a square frame: out of shape, or between bars."""

import numpy as np
import pytest

from stream.geometry.camera import Camera
from stream.geometry.frame_format import FrameFormat, frame_format_of
from stream.geometry.frame_remap import FrameRemap
from stream.geometry.viewport import ResizeMode, encoder_view, source_map
from stream.pipeline.items import EncoderFrame, Picture, UInt8
from stream.stages.rectify import Rectify
from tests.support.pictures import (
    FULL_HD,
    SMALL,
    antialiased,
    camera_for,
    frame_of,
    full_size,
    psnr_db,
    rgb_of,
    scene,
)

SIZES = [FULL_HD, (854, 480), SMALL]


def slow_frame(rgb: UInt8, resize_mode: ResizeMode) -> UInt8:
    """Antialiased resize of the whole picture, to the square or to its own shape within it; the rest is black."""
    height, width = rgb.shape[:2]
    scale = 256 / max(width, height)
    rows, columns = (256, 256) if resize_mode == "stretch" else (round(height * scale), round(width * scale))
    resized = np.einsum("yh,hwc->ywc", antialiased(height, rows), rgb, optimize=True)
    resized = np.einsum("xw,ywc->yxc", antialiased(width, columns), resized, optimize=True)
    frame = np.zeros((256, 256, 3), np.uint8)
    top, left = (256 - rows) // 2, (256 - columns) // 2
    frame[top : top + rows, left : left + columns] = resized.round().clip(0, 255)
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resize_mode", ["stretch", "letterbox"])
@pytest.mark.parametrize("rectified", [True, False])
def test_the_fused_encoder_frame_is_near_the_slow_one(
    size: tuple[int, int], resize_mode: ResizeMode, *, rectified: bool
) -> None:
    """One small remap gives what full-size remap and antialiased resize give, to 40 dB, as it does for crops."""
    frame = frame_of(scene(size))
    camera = camera_for(size) if rectified else None
    whole = rgb_of(frame) if camera is None else full_size(rgb_of(frame), camera)
    fused = FrameRemap(frame_format_of(frame), camera, resize_mode=resize_mode).encoder_frame(frame)
    assert psnr_db(fused, slow_frame(whole, resize_mode)) >= 40.0


@pytest.mark.parametrize("size", [*SIZES, (1080, 1920), (300, 300), (455, 255)])
def test_all_of_the_picture_is_in_the_encoder_frame(size: tuple[int, int]) -> None:
    """Its corners are the picture's in a squashed frame, and those of the stretch between the bars in the other."""
    width, height = size
    squashed = encoder_view(width, height, 256, "stretch")
    assert (squashed.scale_x * width, squashed.scale_y * height, squashed.left, squashed.top) == (256, 256, 0, 0)
    boxed = encoder_view(width, height, 256, "letterbox")
    visible = boxed.shows(width, height)
    assert boxed.scale_x == pytest.approx(boxed.scale_y, rel=0.01)
    assert visible.any(axis=0).sum() == pytest.approx(256 * width / max(size), abs=0.5)
    assert visible.any(axis=1).sum() == pytest.approx(256 * height / max(size), abs=0.5)
    np.testing.assert_allclose(np.argwhere(visible).mean(axis=0), 127.5, atol=0.5)


@pytest.mark.parametrize("camera", [None, camera_for(SMALL), camera_for(SMALL, balance=1.0)], ids=["raw", "0", "1"])
def test_bars_are_black(camera: Camera | None) -> None:
    """Beside the picture there is black, also where the lens has seen more than the rectified picture shows."""
    white = frame_of(np.full((*SMALL[::-1], 3), 255, np.uint8))
    frame = FrameRemap(frame_format_of(white), camera, resize_mode="letterbox").encoder_frame(white)
    source = source_map(encoder_view(*SMALL, 256, "letterbox"), *SMALL, camera)
    assert frame[:56].max() == frame[200:].max() == 0
    assert frame[~source.valid].max() == 0
    assert frame[source.valid].min() >= 250


def test_a_square_picture_is_whole_in_both() -> None:
    """Where nothing has to be done about the shape, the two are one."""
    frame = frame_of(scene((512, 512)))
    squashed, boxed = (
        FrameRemap(frame_format_of(frame), None, resize_mode=resize_mode).encoder_frame(frame)
        for resize_mode in ("stretch", "letterbox")
    )
    np.testing.assert_array_equal(squashed, boxed)


def test_the_record_names_the_geometry() -> None:
    """Facts say which it was, and the maps differ."""
    geometries: list[ResizeMode] = ["center-crop", "stretch", "letterbox"]
    facts = [FrameRemap(FrameFormat(*SMALL, "yuv420p", 0, 1, 1), None, resize_mode=name).facts() for name in geometries]
    assert [fact["geometry"] for fact in facts] == geometries
    assert len({fact["tile_map_sha256"] for fact in facts}) == 3


def test_the_stage_takes_a_geometry() -> None:
    """The chain's rectifier makes the frame that was requested."""
    frame = frame_of(scene(SMALL))
    (encoder_frame,) = [
        item
        for item in Rectify(None, resize_mode="letterbox").on_item(Picture(0, 0.0, 0.03, frame))
        if isinstance(item, EncoderFrame)
    ]
    np.testing.assert_array_equal(
        encoder_frame.rgb, FrameRemap(frame_format_of(frame), None, resize_mode="letterbox").encoder_frame(frame)
    )
