"""The rectifying stage, on real clips."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
import pytest

from stream.demo.lens import demo_intrinsics
from stream.errors import IntrinsicsError
from stream.geometry.camera import RectifiedView
from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import EncoderFrame, End, Item, Keyframe, Picture
from stream.pipeline.stage import Pipeline, drive
from stream.stages.rectify import Rectify
from tests.support.clips import make_clip

Kind = TypeVar("Kind")
SIZE = (320, 180)
INTRINSICS = demo_intrinsics(*SIZE)


def pictures(path: Path) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            yield Picture(index, float(frame.time or 0.0), 1 / 30, frame)


def clip(folder: Path, frames: int) -> Path:
    return make_clip(folder / "clip.mp4", width_px=SIZE[0], height_px=SIZE[1], frames=frames)


def of_kind(kind: type[Kind], items: list[Item]) -> list[Kind]:
    return [item for item in items if isinstance(item, kind)]


def test_every_picture_becomes_a_encoder_frame_at_its_own_time(tmp_path: Path) -> None:
    """Index, time and duration go over unchanged, and the frame is 256x256 RGB."""
    decoded = list(pictures(clip(tmp_path, frames=12)))
    frames = of_kind(EncoderFrame, list(drive(Rectify(INTRINSICS), decoded)))
    assert [(frame.index, frame.t_s, frame.duration_s) for frame in frames] == [
        (p.index, p.t_s, p.duration_s) for p in decoded
    ]
    assert all(frame.rgb.shape == (256, 256, 3) and frame.rgb.dtype == np.uint8 for frame in frames)


def test_keyframes_are_the_first_pictures_at_or_after_each_period() -> None:
    """By PTS, not by count: also where frames come irregularly, and never two for one period."""
    times_s = [0.0, 0.3, 0.99, 1.0, 1.4, 2.7, 2.9, 3.3, 6.1, 6.9999999]
    frame = av.VideoFrame(64, 48, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    decoded = [Picture(index, t_s, 0.1, frame) for index, t_s in enumerate(times_s)]
    keyframes = of_kind(Keyframe, list(drive(Rectify(None), decoded)))
    assert [keyframe.t_s for keyframe in keyframes] == [0.0, 1.0, 2.7, 3.3, 6.1, 6.9999999]


@pytest.mark.parametrize("keyframe_fps", [1.0, 3.0, 7.5, 10.0, 30.0])
def test_a_regular_clip_has_keyframes_at_their_rate(keyframe_fps: float, tmp_path: Path) -> None:
    """Two seconds at 30 frames a second give exactly two seconds' worth of keyframes, however PTS are rounded."""
    items = list(drive(Rectify(None, keyframe_fps=keyframe_fps), pictures(clip(tmp_path, frames=60))))
    assert len(of_kind(Keyframe, items)) == round(2 * keyframe_fps)


def test_a_keyframe_is_a_jpeg_of_the_size_it_names(tmp_path: Path) -> None:
    """Boxes refer to that size, so that it must be the picture's own; the longest side is bounded."""
    items = list(drive(Rectify(INTRINSICS, keyframe_px=200), pictures(clip(tmp_path, frames=2))))
    (keyframe,) = of_kind(Keyframe, items)
    decoded = cv2.imdecode(np.frombuffer(keyframe.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert (keyframe.width, keyframe.height) == (200, 112) == (decoded.shape[1], decoded.shape[0])


def test_a_keyframe_comes_before_its_encoder_frame(tmp_path: Path) -> None:
    """What is durable first can be announced later."""
    kinds = [type(item) for item in drive(Rectify(INTRINSICS), pictures(clip(tmp_path, frames=2)))]
    assert kinds == [Keyframe, EncoderFrame, EncoderFrame]


def test_other_items_are_passed_on_in_order() -> None:
    """Damage and the end are not the rectifier's business."""
    others: list[Item] = [SourceDamaged(1.0, 1.1, "lost", 3), End("end_of_stream", 2.0, 60)]
    assert list(drive(Rectify(INTRINSICS), others)) == others


def test_a_new_size_or_rotation_mid_stream_gets_new_maps(tmp_path: Path) -> None:
    """Frames of another size, and turned ones, are rectified by maps of their own; the facts are the first one's."""
    first = list(pictures(clip(tmp_path, frames=1)))
    larger = list(pictures(make_clip(tmp_path / "large.mp4", width_px=640, height_px=360, frames=1)))
    upright = np.ascontiguousarray(np.rot90(first[0].frame.to_ndarray(format="rgb24")), np.uint8)
    turned = list(pictures(make_clip(tmp_path / "turned.mp4", pictures=[upright], frames=1, rotation_deg=90)))
    stage = Rectify(INTRINSICS)
    decoded = (first[0], larger[0], turned[0], first[0])
    frames = [of_kind(EncoderFrame, list(stage.on_item(each)))[0].rgb.astype(float) for each in decoded]
    facts = stage.facts()["rectification"]
    assert (facts["width"], facts["height"]) == SIZE
    others = [(other["width"], other["height"], other["rotation_deg"]) for other in facts["other_formats"]]
    assert others == [(640, 360, 0), (*SIZE, 270)]
    np.testing.assert_array_equal(frames[0], frames[3])
    assert np.abs(frames[0] - np.rot90(frames[2])).mean() > 40.0
    assert np.abs(frames[0] - frames[2]).mean() < 10.0  # the same noise, coded twice


def test_a_clip_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A calibration for 16:9 does not serve a 4:3 clip."""
    decoded = pictures(make_clip(tmp_path / "square.mp4", width_px=128, height_px=96, frames=1))
    with pytest.raises(IntrinsicsError, match="320x180"):
        list(drive(Rectify(INTRINSICS), decoded))


def test_facts_are_there_from_the_first_picture_on(tmp_path: Path) -> None:
    """Nothing is claimed before; then balance, scale, K, D and the map's hash are facts."""
    stage = Rectify(INTRINSICS, view=RectifiedView(balance=0.25, fov_scale=1.5))
    assert stage.facts() == {"rectification": {}}
    list(drive(stage, pictures(clip(tmp_path, frames=1))))
    facts = stage.facts()["rectification"]
    assert (facts["balance"], facts["fov_scale"], facts["rectified"]) == (0.25, 1.5, True)
    assert facts["d"] == [INTRINSICS.k1, INTRINSICS.k2, INTRINSICS.k3, INTRINSICS.k4]
    assert isinstance(facts["tile_map_sha256"], str)
    assert len(facts["tile_map_sha256"]) == 64


@pytest.mark.slow
def test_a_restored_stage_continues_where_the_other_stopped(tmp_path: Path) -> None:
    """Cut anywhere, the two parts together give exactly the items of one run: no keyframe twice, none lost."""
    path = clip(tmp_path, frames=40)
    whole = list(drive(Rectify(INTRINSICS), pictures(path)))
    decoded = list(pictures(path))
    for cut in (0, 1, 17, 31):
        first, second = Rectify(INTRINSICS), Pipeline([Rectify(INTRINSICS)])
        items = [item for picture in decoded[:cut] for item in first.on_item(picture)]
        second.restore({"rectify": first.snapshot()})
        items += list(drive(second, decoded[cut:]))
        assert [(type(item), getattr(item, "t_s", None)) for item in items] == [
            (type(item), getattr(item, "t_s", None)) for item in whole
        ]


def test_the_time_base_of_a_transport_stream_does_not_lose_keyframes() -> None:
    """At 90 kHz, 29.97 frames a second, every second has its keyframe."""
    frame = av.VideoFrame(64, 48, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    times_s = [float(number * 3003 * Fraction(1, 90_000)) for number in range(300)]
    decoded = [Picture(index, t_s, 1 / 29.97, frame) for index, t_s in enumerate(times_s)]
    keyframes = of_kind(Keyframe, list(drive(Rectify(None), decoded)))
    assert [int(keyframe.t_s) for keyframe in keyframes] == list(range(10))
