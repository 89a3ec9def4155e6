"""The demo clip: real H.265 whose calibration and truth are right."""

import json
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from stream.demo.lens import Lens, demo_intrinsics
from stream.demo.motion import Script
from stream.demo.render import render_demo, render_frames
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.pipeline.items import UInt8
from tests.support.made_once import MadeOnce

SIZE = (228, 128)


@pytest.fixture(scope="module")
def demo(made_once: MadeOnce) -> Path:
    folder = made_once("demo", lambda folder: render_demo(folder / "demo.mp4", seconds=62.0, size=SIZE, fps=6))
    return folder / "demo.mp4"


def test_clip_is_hevc_with_the_requested_frames(demo: Path) -> None:
    """hvc1, the size and rate asked for, and every frame decodes."""
    with av.open(str(demo)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("hevc", "hvc1")
        assert (stream.width, stream.height, float(stream.average_rate or 0)) == (*SIZE, 6.0)
        times_s = [frame.time for frame in container.decode(stream)]
    np.testing.assert_allclose(times_s, np.arange(62 * 6) / 6, atol=1e-6)


def test_its_calibration_fits_it(demo: Path) -> None:
    """intrinsics.json is a calibration of the clip's size that does not fold within the picture."""
    camera = fit_camera(read_calibration(demo.with_name("intrinsics.json")).intrinsics, *SIZE)
    assert 95.0 < camera.fov_deg[0] < 115.0
    assert camera.locate(camera.new_k, *SIZE)[2].all()


def test_its_truth_is_one_walk_away_from_the_bench(demo: Path) -> None:
    """truth.json names one anomalous stretch of 12 to 15 s that begins after 35 s, at a frame's own time."""
    truth = json.loads(demo.with_name("truth.json").read_text())
    (span,) = truth[demo.stem]
    assert span["kind"] == "anomalous"
    assert span["t_start_s"] > 35.0
    assert 12.0 <= span["t_end_s"] - span["t_start_s"] <= 15.0
    for edge in (span["t_start_s"], span["t_end_s"]):
        assert edge * 6 == pytest.approx(round(edge * 6))


def test_the_walk_looks_different_and_work_looks_the_same(demo: Path) -> None:
    """A plain picture distance is small between work cycles and large between work and the walk."""
    (span,) = json.loads(demo.with_name("truth.json").read_text())[demo.stem]
    with av.open(str(demo)) as container:
        small = [
            cv2.resize(frame.to_ndarray(format="rgb24"), (24, 14), interpolation=cv2.INTER_AREA)
            for frame in container.decode(video=0)
        ]
    views: npt.NDArray[np.float64] = np.array(small, np.float64)
    times_s = np.arange(len(views)) / 6
    away = (times_s > span["t_start_s"] + 2) & (times_s < span["t_end_s"] - 2)
    work = (times_s < span["t_start_s"]) | (times_s >= span["t_end_s"])
    usual = views[work].mean(axis=0)
    distance = np.abs(views - usual).mean(axis=(1, 2, 3))
    assert distance[away].min() > 2.0 * distance[work].max()


def test_a_short_clip_has_no_walk() -> None:
    """Where the walk and the work after it do not fit, truth names none."""
    assert Script(20.0, 30.0, 0).away is None
    assert Script(75.0, 30.0, 0).away is not None


def frames(seed: int) -> list[UInt8]:
    return list(islice(render_frames(seconds=60.0, size=SIZE, fps=2, seed=seed), 4))


def test_the_seed_decides_everything() -> None:
    """The same seed gives the same frames to the bit, another seed others."""
    one, same, other = frames(1), frames(1), frames(2)
    np.testing.assert_array_equal(one, same)
    assert all((a != b).any() for a, b in zip(one, other, strict=True))
    assert len({frame.tobytes() for frame in one}) == len(one)


def bends_px(rgb: UInt8) -> list[float]:
    """How far the middle of each white line is from a straight line fitted to it, at most."""
    height, width = rgb.shape[:2]
    columns = np.arange(width // 5, width * 4 // 5)
    bends = []
    for top, bottom in ((0, height // 2), (height // 2, height)):
        light = rgb[top:bottom, columns].astype(np.float64).sum(axis=2)
        light[light < 60.0] = 0.0
        middle = (light * np.arange(bottom - top)[:, None]).sum(axis=0) / light.sum(axis=0)
        fit = np.polynomial.Polynomial.fit(columns, middle, 1)
        bends.append(float(np.abs(middle - fit(columns)).max()))
    return bends


def test_rectification_makes_the_worlds_straight_lines_straight() -> None:
    """Lines on the pinhole canvas are bent by the demo's lens, and straight again once its calibration is applied."""
    size = (912, 512)
    lens = Lens(demo_intrinsics(*size), seed=0)
    height, width = lens.canvas.image.shape[:2]
    for y in (round(0.3 * height), round(0.7 * height)):
        cv2.line(lens.canvas.image, (0, y), (width, y + 30), (255, 255, 255), 9, cv2.LINE_AA)
    raw = lens.expose(turning=0.0)
    camera = fit_camera(demo_intrinsics(*size), *size)
    rectified = cv2.fisheye.undistortImage(raw, camera.k, camera.d, None, camera.new_k)
    assert min(bends_px(raw)) > 5.0
    assert max(bends_px(np.asarray(rectified, np.uint8))) < 0.5
