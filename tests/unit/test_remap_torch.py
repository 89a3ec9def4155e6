"""The remap in torch makes the pictures that the one on the CPU makes; here torch's CPU stands in for a GPU."""

import av
import numpy as np
import pytest

from stream.errors import EgocleanError
from stream.geometry.camera import Camera
from stream.geometry.frame_format import FrameFormat, frame_format_of
from stream.geometry.frame_remap import FrameRemap
from stream.geometry.remap import FusedRemap
from stream.geometry.remap_torch import TorchRemap
from stream.geometry.viewport import ResizeMode, Viewport, encoder_view, keyframe_view, source_map
from tests.support.pictures import FULL_HD, SMALL, camera_for, frame_of, psnr_db, scene
from tests.support.properties import some_of

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds


def views(size: tuple[int, int]) -> tuple[Viewport, Viewport]:
    """The frame and the keyframe of a picture."""
    return encoder_view(*size, 256), keyframe_view(*size, 854)


def both(frame: av.VideoFrame, view: Viewport, camera: Camera | None) -> tuple[FusedRemap, TorchRemap]:
    """The two remaps of one view."""
    frame_format = frame_format_of(frame)
    source = source_map(view, *frame_format.upright_size, camera)
    return FusedRemap(frame_format, source), TorchRemap(frame_format, source, "cpu")


@pytest.mark.parametrize("size", some_of([SMALL, FULL_HD]))
@pytest.mark.parametrize("which", [0, 1])
def test_same_picture_as_on_the_cpu(size: tuple[int, int], which: int) -> None:
    """Frames and keyframes of rectified NV12 frames are within 40 dB of OpenCV's."""
    frame = frame_of(scene(size), "nv12")
    on_cpu, in_torch = both(frame, views(size)[which], camera_for(size))
    assert psnr_db(on_cpu(frame), in_torch(frame)) > 40
    assert (on_cpu.halvings, on_cpu.blur) == (in_torch.halvings, in_torch.blur)


def test_lens_left_as_it_is() -> None:
    """Without a camera the pictures agree as well, in size and in content."""
    frame = frame_of(scene(SMALL), "nv12")
    on_cpu, in_torch = both(frame, views(SMALL)[0], None)
    assert psnr_db(on_cpu(frame), in_torch(frame)) > 40


@pytest.mark.parametrize("resize_mode", ["stretch", "letterbox"])
def test_other_geometries(resize_mode: ResizeMode) -> None:
    """Frames that are squashed, and blurred more along one side, or letterboxed agree as well."""
    frame = frame_of(scene(FULL_HD), "nv12")
    on_cpu, in_torch = both(frame, encoder_view(*FULL_HD, 256, resize_mode), camera_for(FULL_HD))
    assert psnr_db(on_cpu(frame), in_torch(frame)) > 40


def test_ten_bits() -> None:
    """A P010 frame, which NVDEC gives for ten bits, agrees with what the CPU makes of ten bits."""
    ten_bits = frame_of(scene(SMALL), "yuv420p10le")
    on_cpu, _ = both(ten_bits, views(SMALL)[0], camera_for(SMALL))
    frame = ten_bits.reformat(format="p010le")
    _, in_torch = both(frame, views(SMALL)[0], camera_for(SMALL))
    assert psnr_db(on_cpu(ten_bits), in_torch(frame)) > 40


def test_turned_picture() -> None:
    """A picture that a viewer turns is turned by the map, as on the CPU."""
    frame = frame_of(scene(SMALL), "nv12")
    frame_format = FrameFormat(*SMALL, "nv12", 90, frame.colorspace, frame.color_range)
    source = source_map(encoder_view(*frame_format.upright_size, 256), *frame_format.upright_size, None)
    on_cpu, in_torch = FusedRemap(frame_format, source)(frame), TorchRemap(frame_format, source, "cpu")(frame)
    assert psnr_db(on_cpu, in_torch) > 40


def test_what_the_lens_does_not_show_is_black() -> None:
    """Pixels outside the lens's picture are exactly black."""
    frame = frame_of(np.full_like(scene(SMALL), 255), "nv12")
    frame_format = frame_format_of(frame)
    source = source_map(keyframe_view(*SMALL, 854), *SMALL, camera_for(SMALL, balance=1.0, fov_scale=2.0))
    picture = TorchRemap(frame_format, source, "cpu")(frame)
    assert not picture[~source.valid].any()
    assert (picture[source.valid] > 200).all()


def test_other_formats_are_refused() -> None:
    """A frame that no NVIDIA decoder gives is an error that names its format."""
    frame = frame_of(scene(SMALL), "yuv420p")
    _, in_torch = both(frame, views(SMALL)[0], None)
    with pytest.raises(EgocleanError, match="a frame in yuv420p cannot be rectified on cpu"):
        in_torch(frame)


def test_frames_on_a_device_say_so() -> None:
    """The record names what remapped the frames; their size is the same."""
    frame = frame_of(scene(SMALL), "nv12")
    remap = FrameRemap(frame_format_of(frame), camera_for(SMALL), device="cpu")
    assert remap.encoder_frame(frame).shape == (256, 256, 3)
    assert remap.facts()["remapped_by"] == "torch on cpu"
    assert FrameRemap(frame_format_of(frame), camera_for(SMALL)).facts()["remapped_by"] == "opencv"


@pytest.mark.parametrize("size", some_of([SMALL, FULL_HD]))
def test_nv12_is_read_as_it_is(size: tuple[int, int]) -> None:
    """On the CPU, too, a downloaded NV12 frame gives the picture of the same frame in three planes, to the bit."""
    planar = frame_of(scene(size), "yuv420p")
    packed = planar.reformat(format="nv12")
    for view in views(size):
        of_planar, _ = both(planar, view, camera_for(size))
        of_packed, _ = both(packed, view, camera_for(size))
        np.testing.assert_array_equal(of_packed(packed), of_planar(planar))
