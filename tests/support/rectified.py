"""Rectified videos: how tests make them, and read them back frame by frame."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from click.testing import CliRunner, Result

from stream.commands.rectify import rectify
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.remap import FusedRemap
from stream.geometry.viewport import keyframe_view, source_map
from stream.pipeline.items import Picture, UInt8
from stream.pipeline.stage import drive
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.packets import packets
from tests.support.pictures import psnr_db
from tests.support.runs import write_intrinsics

FINE = ("--crf", "4", "--preset", "ultrafast")


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(rectify, [str(word) for word in words], catch_exceptions=False)


def calibration(folder: Path, width: int, height: int) -> Path:
    """The lens of ``write_intrinsics``, for pictures of another size."""
    scale = width / 128
    centre = {"cx": (width - 1) / 2, "cy": (height - 1) / 2}
    size = {"image_width": width, "image_height": height, "fx": 40.0 * scale, "fy": 40.0 * scale}
    return write_intrinsics(folder, **centre, **size)


def pictures_of(clip: Path) -> list[Picture]:
    source = open_clip(str(clip))
    return [
        item for item in drive(Decode(source.name, read_facts(source)), packets(source)) if isinstance(item, Picture)
    ]


def frames_of(video: Path) -> list[av.VideoFrame]:
    """What libav's own loop decodes."""
    with av.open(str(video)) as container:
        return list(container.decode(video=0))


def exact_times_s(frames: list[av.VideoFrame], video: Path) -> list[Fraction]:
    """Seconds from the first frame on, in ticks of the file's own clock."""
    tick = Fraction(read_facts(open_clip(str(video))).time_base)
    return [((frame.pts or 0) - (frames[0].pts or 0)) * tick for frame in frames]


def rgb_of(frame: av.VideoFrame) -> UInt8:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def halved(rgb: UInt8) -> UInt8:
    """At the size at which 4:2:0 has colour."""
    return np.asarray(cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def assert_rectified(clip: Path, calibration: Path, video: Path, least_db: float) -> None:
    """Every frame stands at its own time, to the tick, and looks as the chain's own keyframe does at full size."""
    source_pictures, frames = pictures_of(clip), frames_of(video)
    assert exact_times_s(frames, video) == exact_times_s([picture.frame for picture in source_pictures], clip)
    assert frames[0].pts == 0
    frame_format = frame_format_of(source_pictures[0].frame)
    width, height = frame_format.upright_size
    camera = fit_camera(read_calibration(calibration).intrinsics, width, height)
    keyframe = FusedRemap(
        frame_format, source_map(keyframe_view(width, height, max(width, height)), width, height, camera)
    )
    for number in (0, len(frames) // 2, len(frames) - 1):
        expected = keyframe(source_pictures[number].frame)[: frames[0].height, : frames[0].width]
        assert psnr_db(halved(rgb_of(frames[number])), halved(expected)) >= least_db
