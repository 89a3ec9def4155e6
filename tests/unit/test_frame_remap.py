"""From a decoder's planes to the encoder frame and the annotator's keyframe, by one remap each."""

import json

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import Camera, fit_camera
from stream.geometry.frame_format import FrameFormat, frame_format_of
from stream.geometry.frame_remap import FrameRemap, encode_picture
from stream.geometry.sampling_plan import BlurKernel, antialiasing
from stream.geometry.viewport import encoder_view, keyframe_view, source_map
from stream.pipeline.items import UInt8
from tests.support.pictures import (
    FISHEYE,
    FULL_HD,
    SMALL,
    camera_for,
    encoder_frame_of,
    frame_of,
    full_size,
    needs_shared,
    psnr_db,
    reference_frame,
    rgb_of,
    scene,
)
from tests.support.properties import some_of

FOLDING = {"k1": -0.3, "k2": 0.0, "k3": 0.0, "k4": 0.0}


@pytest.mark.parametrize(
    ("size", "resized", "cut"),
    [
        ((1920, 1080), (519, 292), (131, 18)),
        ((456, 256), (520, 292), (132, 18)),
        ((1080, 1920), (292, 519), (18, 131)),
        ((640, 480), (389, 292), (66, 18)),
        ((300, 300), (292, 292), (18, 18)),
    ],
)
def test_the_frames_geometry_is_the_reference_processors(
    size: tuple[int, int], resized: tuple[int, int], cut: tuple[int, int]
) -> None:
    """Shortest edge to 292, the long edge and the crop's offset floored."""
    view = encoder_view(*size, 256)
    assert (view.width, view.height) == (256, 256)
    assert (view.scale_x * size[0], view.scale_y * size[1]) == pytest.approx(resized)
    assert (view.left, view.top) == cut


@pytest.mark.parametrize("size", some_of([SMALL, (854, 480), (1280, 720), FULL_HD]))
@pytest.mark.parametrize("rectified", [True, False])
def test_the_fused_encoder_frame_is_near_the_slow_one(size: tuple[int, int], *, rectified: bool) -> None:
    """One small remap gives what full-size remap, antialiased resize and crop give, to 40 dB."""
    frame = frame_of(scene(size))
    camera = camera_for(size) if rectified else None
    whole = rgb_of(frame) if camera is None else full_size(rgb_of(frame), camera)
    assert psnr_db(encoder_frame_of(frame, camera), reference_frame(whole)) >= 40.0


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("card", ["10k", "100k"])
def test_the_published_lenses_give_the_slow_encoder_frame_too(card: str) -> None:
    """With the cards' own calibrations the fused frame stays within the same bounds."""
    intrinsics = read_calibration(FISHEYE / "cards" / f"egocentric{card}_card_intrinsics.json").intrinsics
    size = intrinsics.image_width, intrinsics.image_height
    frame, camera = frame_of(scene(size)), fit_camera(intrinsics, *size)
    slow = reference_frame(full_size(rgb_of(frame), camera))
    assert psnr_db(encoder_frame_of(frame, camera), slow) >= 40.0


def test_sampling_blurs_as_much_as_the_antialiased_resize() -> None:
    """Halvings and blur make up the variance asked for, the blur less than one more halving would."""
    for blur_px2 in (1 / 6, 0.3, 0.9, 2.0, 2.5, 9.0, 40.0):
        for stretched in (1.0, 16 / 9):
            halvings, blurs = antialiasing((stretched**2 * blur_px2, blur_px2))
            assert reached_px2(halvings, blurs[0]) == pytest.approx(stretched**2 * blur_px2, rel=0.15)
            assert reached_px2(halvings, blurs[1]) == pytest.approx(blur_px2, rel=0.12)
    squares = [(height / 292) ** 2 / 6 for height in (256, 480, 720, 1080, 2160)]
    assert [antialiasing((square, square))[0] for square in squares] == [0, 0, 1, 1, 2]


def reached_px2(halvings: int, blur: BlurKernel) -> float:
    """Variance of halving, linear interpolation and OpenCV's own kernel together."""
    kernel = cv2.getGaussianKernel(blur.taps, blur.sigma_px).ravel()
    steps = np.arange(blur.taps) - blur.taps // 2
    return float(4**halvings * (1 / 6 + 1 / 12 + kernel @ steps**2) - 1 / 12)


@pytest.mark.parametrize("size", [(455, 255), (457, 257), (1279, 719), (301, 199)])
def test_odd_sizes_work(size: tuple[int, int]) -> None:
    """Sides that 2 does not divide do no harm, with and without the lens."""
    frame = frame_of(scene(SMALL))
    odd = frame_of(np.ascontiguousarray(cv2.resize(rgb_of(frame), size)))
    for camera in (None, camera_for(size)):
        whole = rgb_of(odd) if camera is None else full_size(rgb_of(odd), camera)
        assert psnr_db(encoder_frame_of(odd, camera), reference_frame(whole)) >= 36.0


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv444p", "yuv422p10le", "nv12", "rgb24", "gbrp", "yuvj420p"])
def test_other_pixel_formats_give_the_same_encoder_frame(pixel_format: str) -> None:
    """10 bit, other subsamplings, packed, RGB and full-range frames look as the 8-bit 4:2:0 frame does."""
    rgb = cv2.GaussianBlur(scene(SMALL), (0, 0), 2.0)  # so that subsampling itself makes no difference
    plain = frame_of(np.asarray(rgb, np.uint8))
    other = frame_of(np.asarray(rgb, np.uint8), pixel_format)
    if pixel_format.startswith("yuvj"):
        other.color_range = 2
    assert frame_format_of(other).zero_copy == (pixel_format in {"yuvj420p", "nv12"})
    assert psnr_db(encoder_frame_of(other, camera_for(SMALL)), encoder_frame_of(plain, camera_for(SMALL))) >= 42.0


TAGS = [(1, 1), (1, 2), (5, 1), (6, 2), (7, 1), (9, 1), (9, 2), (2, 0)]


@pytest.mark.parametrize(("colorspace", "color_range"), TAGS)
def test_colours_follow_the_frames_tags(colorspace: int, color_range: int) -> None:
    """BT.709, BT.601, SMPTE 240M and BT.2020, limited and full: within 2 levels of FFmpeg; untagged is BT.601."""
    for luma, blue, red in ((60, 128, 128), (120, 90, 170), (150, 160, 110), (200, 120, 140)):
        frame = av.VideoFrame(64, 64, "yuv420p")
        for plane, value in zip(frame.planes, (luma, blue, red), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.colorspace, frame.color_range = colorspace, color_range
        rgb_frame = frame.reformat(format="rgb24", dst_colorspace="ITU709" if colorspace == 1 else None)
        expected = rgb_of(rgb_frame)[32, 32].astype(int)
        assert np.abs(encoder_frame_of(frame, None)[128, 128] - expected).max() <= 2


def test_an_untagged_full_hd_frame_is_bt601() -> None:
    """Size decides nothing: as in FFmpeg, OpenCV and decord, untagged pictures are BT.601 limited."""
    color = FrameFormat(1920, 1080, "yuv420p", 0, 2, 0).color
    assert (color.matrix, color.full_range) == ("bt601", False)
    np.testing.assert_allclose(
        color.to_rgb()[:, :3], [[1.164, 0, 1.596], [1.164, -0.392, -0.813], [1.164, 2.017, 0]], atol=1e-3
    )


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_containers_rotation_is_undone(turns: int) -> None:
    """However the coded picture lies, frame and keyframe are those of the upright one, lens and all."""
    upright = frame_of(scene(SMALL))
    camera = camera_for(SMALL, balance=0.6, cx=210.0, cy=140.0)
    expected = FrameRemap(frame_format_of(upright), camera)
    coded = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(rgb_of(upright), -turns)), "rgb24")
    coded = coded.reformat(format="yuv420p")
    frame_format = frame_format_of(coded)._replace(rotation_deg=90 * turns)
    assert frame_format.upright_size == SMALL
    turned = FrameRemap(frame_format, camera)
    assert psnr_db(turned.encoder_frame(coded), expected.encoder_frame(upright)) >= 38.0
    assert psnr_db(turned.keyframe(coded), expected.keyframe(upright)) >= 38.0


def masked(size: tuple[int, int], camera: Camera) -> tuple[UInt8, npt.NDArray[np.bool_]]:
    """The keyframe of a white picture, and the rays that the lens does not see."""
    white = frame_of(np.full((size[1], size[0], 3), 255, np.uint8))
    remap = FrameRemap(frame_format_of(white), camera, keyframe_px=max(size))
    _, _, visible = camera.locate(camera.new_k, *size)
    return remap.keyframe(white), ~visible


def test_what_the_lens_does_not_see_is_black() -> None:
    """Beyond the fold and beside the picture there is black, not a smear, and all else is shown."""
    camera = camera_for(SMALL, balance=1.0, fov_scale=1.6, **FOLDING)
    keyframe, unseen = masked(SMALL, camera)
    source = source_map(keyframe_view(*SMALL, 456), *SMALL, camera)
    assert unseen.any()
    assert (~source.valid & ~unseen).any()
    assert keyframe[~source.valid].max() == 0
    assert keyframe[source.valid].min() >= 250
    assert source.valid_fraction == pytest.approx(float((keyframe > 128).mean()))


@needs_shared
def test_pixels_beyond_the_10k_fold_are_masked() -> None:
    """Widened until its fold is in view, the 10K card's picture ends at 67.9 degrees, in black."""
    intrinsics = read_calibration(FISHEYE / "cards" / "egocentric10k_card_intrinsics.json").intrinsics
    camera = fit_camera(intrinsics, *FULL_HD, 1.0, 1.5)
    keyframe, unseen = masked(FULL_HD, camera)
    assert 0.01 < unseen.mean() < 0.5
    assert keyframe[unseen].max() == 0
    assert (keyframe > 250).mean() > 0.3


def test_a_lens_that_shows_nothing_is_refused() -> None:
    """A calibration whose picture lies wholly outside the frame is an error, not a black film."""
    with pytest.raises(IntrinsicsError, match="the rays of these intrinsics all point to one side"):
        FrameRemap(FrameFormat(*SMALL, "yuv420p", 0, 2, 0), camera_for(SMALL, cx=5000.0))


def test_keyframes_have_the_requested_size() -> None:
    """The longest side is at most keyframe_px, the shape is kept, and a small picture is not enlarged."""
    for size, keyframe in (
        (FULL_HD, (854, 480)),
        (SMALL, (456, 256)),
        ((1080, 1920), (480, 854)),
        ((4000, 10), (854, 2)),
    ):
        view = keyframe_view(*size, 854)
        assert (view.width, view.height) == keyframe


def test_a_keyframe_is_the_rectified_picture() -> None:
    """It is near OpenCV's undistortion scaled down by area, also after JPEG."""
    frame, camera = frame_of(scene(FULL_HD)), camera_for(FULL_HD)
    slow = cv2.resize(full_size(rgb_of(frame), camera), (854, 480), interpolation=cv2.INTER_AREA)
    keyframe = FrameRemap(frame_format_of(frame), camera).keyframe(frame)
    jpeg = cv2.imdecode(np.frombuffer(encode_picture(keyframe, ".jpg"), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert psnr_db(keyframe, np.asarray(slow, np.uint8)) >= 34.0
    assert psnr_db(np.asarray(jpeg, np.uint8), keyframe) >= 34.0


def test_frames_are_the_segments_own() -> None:
    """A frame is fresh memory: the next frame does not change it, and the frame is not written to."""
    first, second = frame_of(scene(SMALL)), frame_of(255 - scene(SMALL))
    remap = FrameRemap(frame_format_of(first), camera_for(SMALL))
    before = rgb_of(first)
    frame = remap.encoder_frame(first)
    copy = frame.copy()
    assert np.abs(remap.encoder_frame(second).astype(int) - copy).mean() > 10
    np.testing.assert_array_equal(frame, copy)
    np.testing.assert_array_equal(rgb_of(first), before)
    assert frame.flags.owndata
    assert frame.flags.c_contiguous


def test_facts_say_what_was_done() -> None:
    """They are JSON, and the map's hash is the same for the same lens and another for another balance."""
    frame_format = FrameFormat(*SMALL, "yuv420p", 0, 1, 1)
    facts = [FrameRemap(frame_format, camera_for(SMALL, balance)).facts() for balance in (0.0, 0.0, 0.3)]
    assert json.loads(json.dumps(facts[0])) == facts[0]
    assert facts[0] == facts[1]
    assert facts[0]["tile_map_sha256"] != facts[2]["tile_map_sha256"]
    assert (facts[0]["colour_matrix"], facts[0]["colour_range"]) == ("bt709", "limited")
    assert facts[0]["valid_fraction"] == 1.0
    assert FrameRemap(frame_format, None).facts()["rectified"] is False
