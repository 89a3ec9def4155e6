"""The calibration file, the lens and the pinhole camera that replaces it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.kannala_brandt import fold_angle
from stream.geometry.lenses.table import intrinsics_from
from stream.pipeline.items import Float64
from tests.support.properties import examples

SHARED = Path(__file__).parents[2].parent / "shared"
FISHEYE = SHARED / "data" / "fisheye"
needs_shared = pytest.mark.skipif(not FISHEYE.is_dir(), reason=f"real calibrations are not at {FISHEYE}")

PLAIN = {
    "model": "fisheye",
    "image_width": 640,
    "image_height": 360,
    "fx": 300.0,
    "fy": 301.0,
    "cx": 322.5,
    "cy": 178.0,
    "k1": 0.02,
    "k2": -0.01,
    "k3": 0.004,
    "k4": -0.001,
}


def lens(**changed: float) -> Intrinsics:
    return intrinsics_from({**PLAIN, **changed})


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_calibration_is_read_and_other_keys_are_ignored(tmp_path: Path) -> None:
    """All eleven keys are taken; notes and keys of later versions do no harm."""
    path = write(tmp_path / "intrinsics.json", json.dumps({**PLAIN, "_note": "by hand", "rms_px": 0.2}))
    assert read_calibration(path).intrinsics.model_dump() == PLAIN


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"k3": None}, "'k3' is None"),
        ({"fx": float("nan")}, "'fx' is nan"),
        ({"cy": float("inf")}, "'cy' is inf"),
        ({"fy": -300.0}, "'fy' is -300.0"),
        ({"fx": 0}, "'fx' is 0"),
        ({"image_height": 0}, "'image_height' is 0"),
        ({"image_width": 640.5}, "'image_width' is 640.5"),
        ({"fx": "300"}, "'fx' is '300'"),
        ({"model": "omni"}, "'model' is 'omni', and only fisheye, kannala_brandt, pinhole, brown_conrady can be read"),
    ],
)
def test_a_value_that_no_camera_has_is_named(tmp_path: Path, change: dict[str, object], expected: str) -> None:
    """The error is one sentence that names the file, the key and its value."""
    path = write(tmp_path / "bad.json", json.dumps({**PLAIN, **change}))
    with pytest.raises(IntrinsicsError) as caught:
        read_calibration(path)
    message = str(caught.value)
    assert expected in message
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize("key", PLAIN)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    """No key has a default: a calibration is complete or it is refused."""
    path = write(tmp_path / "short.json", json.dumps({name: value for name, value in PLAIN.items() if name != key}))
    with pytest.raises(IntrinsicsError, match=f"'{key}' is missing; a fisheye calibration has model, image_width"):
        read_calibration(path)


@pytest.mark.parametrize("text", ["", "not json", "[1, 2]", "{", '"fisheye"'])
def test_value_that_is_not_a_json_object_is_refused(tmp_path: Path, text: str) -> None:
    """A file of another kind is an IntrinsicsError of one sentence too."""
    with pytest.raises(IntrinsicsError) as caught:
        read_calibration(write(tmp_path / "other.json", text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """What cannot be opened says so, and why."""
    with pytest.raises(IntrinsicsError, match="No such file"):
        read_calibration(tmp_path / "nowhere.json")
    with pytest.raises(IntrinsicsError, match="directory"):
        read_calibration(tmp_path)


def test_a_scaled_picture_keeps_its_rays() -> None:
    """At half the size every point of the picture, edges included, belongs to the same ray as before."""
    full, half = fit_camera(lens(), 640, 360), fit_camera(lens(), 320, 180)
    edges = np.array([[-0.5, -0.5], [639.5, 359.5], [100.5, 50.5]])
    halved = (edges + 0.5) / 2 - 0.5
    rays, halved_rays = ((at - k[:2, 2]) / np.diag(k)[:2] for at, k in ((edges, full.k), (halved, half.k)))
    np.testing.assert_allclose(rays, halved_rays, atol=1e-12)


def test_rounded_sides_are_the_same_picture_and_another_shape_is_not() -> None:
    """1920x1080 scaled to 456x256 or 854x480 is accepted; 4:3, portrait and 2:1 are refused with both sizes named."""
    intrinsics = lens(image_width=1920, image_height=1080)
    for width, height in ((456, 256), (854, 480), (1280, 720)):
        assert fit_camera(intrinsics, width, height).k[0, 0] == pytest.approx(300.0 * width / 1920)
    for width, height in ((640, 480), (1080, 1920), (1280, 640)):
        with pytest.raises(IntrinsicsError, match=f"1920x1080, and the clip's {width}x{height} has another aspect"):
            fit_camera(intrinsics, width, height)


@pytest.mark.parametrize(("balance", "fov_scale"), [(-0.1, 1.0), (1.1, 1.0), (0.0, 0.0), (0.0, float("nan"))])
def test_options_out_of_range_are_refused(balance: float, fov_scale: float) -> None:
    """Balance lies between 0 and 1, and the view has a positive width."""
    with pytest.raises(UsageError, match="must be"):
        fit_camera(lens(), 640, 360, balance, fov_scale)


def test_the_fold_is_where_the_polynomial_stops_growing() -> None:
    """With k1 alone it is at sqrt(-1 / (3 k1)); a lens that always grows has none; the first of several counts."""
    assert fold_angle(np.array([-0.2, 0.0, 0.0, 0.0])) == pytest.approx(np.sqrt(1 / 0.6))
    assert fold_angle(np.zeros(4)) == np.pi
    assert fold_angle(np.array([0.1, 0.1, 0.1, 0.1])) == np.pi
    two_folds = fold_angle(np.array([-0.9, 0.3, 0.0, 0.0]))
    theta = np.linspace(0, np.pi, 100_001)
    theta_d = theta * (1 - 0.9 * theta**2 + 0.3 * theta**4)
    assert two_folds == pytest.approx(theta[np.argmax(np.diff(theta_d) < 0)], abs=1e-4)


@needs_shared
def test_the_published_cards_fold_where_they_were_found_to() -> None:
    """The 10K card's polynomial turns back at 67.9 degrees, the 100K card's never does."""
    ten, hundred = (
        read_calibration(FISHEYE / "cards" / f"egocentric{name}_card_intrinsics.json").intrinsics
        for name in ("10k", "100k")
    )
    assert np.degrees(fit_camera(ten, 1920, 1080).theta_max_rad) == pytest.approx(67.9, abs=0.05)
    assert fit_camera(hundred, 456, 256).theta_max_rad == np.pi


def cv2_choice(k: Float64, d: Float64, size: tuple[int, int], balance: float, fov_scale: float) -> Float64:
    chosen = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
        k, d, size, np.eye(3), balance=balance, fov_scale=fov_scale
    )
    return np.asarray(chosen, np.float64)


@examples(60)
@given(
    focal=st.floats(300, 700),
    aspect=st.floats(0.9, 1.1),
    cx=st.floats(280, 360),
    cy=st.floats(150, 210),
    k1=st.floats(-0.05, 0.4),
    k2=st.floats(0.0, 0.2),
    balance=st.floats(0, 1),
    fov_scale=st.floats(0.3, 2),
)
def test_the_new_camera_is_opencvs_where_that_is_well_defined(
    focal: float, aspect: float, cx: float, cy: float, k1: float, k2: float, balance: float, fov_scale: float
) -> None:
    """For lenses that do not fold within the picture the choice is that of cv2.fisheye, to 1e-6."""
    intrinsics = lens(fx=focal, fy=focal * aspect, cx=cx, cy=cy, k1=k1, k2=k2, k3=0.0, k4=0.0)
    camera = fit_camera(intrinsics, 640, 360, balance, fov_scale)
    expected = cv2_choice(camera.k, camera.d, (640, 360), balance, fov_scale)
    np.testing.assert_allclose(camera.new_k, expected, rtol=1e-6, atol=1e-4)


@needs_shared
@pytest.mark.parametrize(("balance", "across_deg"), [(0.0, 93.8), (0.5, 108.6), (1.0, 126.7)])
def test_the_10k_card_gets_opencvs_choice_at_every_balance(balance: float, across_deg: float) -> None:
    """Its corners fold, but the middles of its sides do not: nothing of the lens spoils the choice."""
    intrinsics = read_calibration(FISHEYE / "cards" / "egocentric10k_card_intrinsics.json").intrinsics
    camera = fit_camera(intrinsics, 1920, 1080, balance)
    np.testing.assert_allclose(camera.new_k, cv2_choice(camera.k, camera.d, (1920, 1080), balance, 1.0), rtol=1e-6)
    assert camera.fov_deg[0] == pytest.approx(across_deg, abs=0.1)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_a_lens_whose_sides_have_no_ray_still_gets_a_sane_camera(balance: float) -> None:
    """Where the picture's sides lie beyond the fold OpenCV gives a focal length of 0; ours looks as far as it can."""
    folding = lens(fx=200.0, fy=200.0, k1=-0.15, k2=0.0, k3=0.0, k4=0.0)
    camera = fit_camera(folding, 640, 360, balance)
    assert cv2_choice(camera.k, camera.d, (640, 360), balance, 1.0)[0, 0] < 1.0
    assert camera.new_k[0, 0] > 0.0
    assert 60.0 < camera.fov_deg[0] <= 2 * np.degrees(camera.theta_max_rad)


def test_a_wider_balance_and_scale_see_more() -> None:
    """The field of view grows with balance and with fov_scale."""
    narrow, wide = fit_camera(lens(), 640, 360), fit_camera(lens(), 640, 360, 1.0)
    scaled = fit_camera(lens(), 640, 360, 0.0, 1.5)
    assert narrow.fov_deg[0] < wide.fov_deg[0]
    assert scaled.new_k[0, 0] == pytest.approx(narrow.new_k[0, 0] / 1.5)


def test_every_ray_that_is_seen_leads_back_to_itself() -> None:
    """Within the fold, the distance in the fisheye picture has exactly one angle, and it is the ray's."""
    camera = fit_camera(lens(fx=260.0, fy=260.0, k1=-0.2, k2=0.0, k3=0.0, k4=0.0), 640, 360, 1.0, 1.6)
    x, y, visible = camera.locate(camera.new_k, 640, 360)
    radius = np.hypot((x - camera.k[0, 2]) / camera.k[0, 0], (y - camera.k[1, 2]) / camera.k[1, 1])
    theta = np.linspace(0.0, camera.theta_max_rad, 200_001)
    back = np.interp(radius, theta * (1 - 0.2 * theta**2), theta)
    across, down = np.meshgrid(
        *((np.arange(n) - c) / camera.new_k[0, 0] for n, c in zip((640, 360), camera.new_k[:2, 2], strict=True))
    )
    ray = np.arctan(np.hypot(across, down))
    assert 0.3 < visible.mean() < 0.95
    np.testing.assert_allclose(back[visible], ray[visible], atol=2e-3)
    assert np.abs(back - ray)[~visible].min() > 0.0
    assert ray[~visible].min() >= camera.theta_max_rad
