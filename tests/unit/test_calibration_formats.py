"""Calibrations as other tools write them: read where they are certain, and otherwise refused by name."""

from pathlib import Path

import pytest

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.table import FORMATS, read_calibration
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.table import intrinsics_from
from tests.support.calibrations import COLMAP, FILES, GOPRO, KALIBR, ROS, VALUES, colmap, opencv, ros

FISHEYE = Path(__file__).parents[2].parent / "shared" / "data" / "fisheye"


LENS = intrinsics_from(VALUES)
_EIGHT = (-0.3, 0.1, 0.001, -0.002, 0.01, 0.02, -0.005, 0.001)
"""k1, k2, p1, p2, k3, k4, k5, k6."""


def numbers_of(intrinsics: Intrinsics) -> dict[str, float]:
    """All values but the model's name."""
    return intrinsics.model_dump(exclude={"model"})


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "lens"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [*FILES.items(), ("OpenCV FileStorage", opencv("json")), ("OpenCV FileStorage", opencv("xml"))],
    ids=[*FILES, "OpenCV as JSON", "OpenCV as XML"],
)
def test_a_file_of_each_format_is_read(tmp_path: Path, name: str, text: str) -> None:
    """The same lens in all of them, with any file name, and the format is known afterwards."""
    intrinsics = read_calibration(write(tmp_path, text))
    assert intrinsics.format == name
    assert numbers_of(intrinsics.intrinsics) == pytest.approx(numbers_of(LENS), rel=1e-12)


def test_every_format_has_a_file_here() -> None:
    """A new row of the table needs a sample."""
    assert {each.NAME for each in FORMATS} == {*FILES, "unsupported"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (KALIBR.replace("pinhole", "omni"), r"Kalibr's model 'omni' .* --models pinhole-equi or pinhole-radtan"),
        (KALIBR.replace("pinhole", "ds"), "'ds'"),
        (KALIBR.replace("pinhole", "eucm"), "'eucm'"),
        (KALIBR.replace("equidistant", "fov"), "with 'fov' distortion, which cannot be read"),
        (KALIBR.replace("equidistant", "none"), "cam0 has 4 intrinsics and 4 distortion_coeffs, but pinhole with none"),
        (KALIBR + KALIBR.replace("cam0", "cam1"), "of cam0, cam1: leave only that of the clip"),
        (KALIBR.replace("  resolution: [640, 360]\n", ""), "cam0: 'resolution' is missing"),
        (KALIBR.replace(", 178.0]", "]"), "cam0 has 3 intrinsics and 4 distortion_coeffs"),
        (ROS.replace("equidistant", "plumb_bob"), "has 4 numbers, but the model plumb_bob has 5"),
        (ROS.replace("equidistant", "rational_polynomial"), "has 4 numbers, but the model rational_polynomial has 8"),
        (ROS.replace("equidistant", "thin_prism"), "'thin_prism', and only equidistant, plumb_bob, rational"),
        (ROS.replace("distortion_model: equidistant\n", ""), "'distortion_model' is missing; a ROS camera_info has"),
        (ROS.replace("[300.5, 0.0,", "[300.5, 0.7,"), "'camera_matrix' has the skew 0.7"),
        (ROS.replace("cols: 4", "cols: 5"), "'distortion_coefficients' has 4 numbers, but 1 rows and 5 cols"),
        (opencv("yml", fisheye=None), "to the fisheye or to the Brown-Conrady model: add the entry fisheye_model"),
        (opencv("json", fisheye=7), "'fisheye_model' is 7, but is 0 or 1"),
        (opencv("xml", coefficients=(0.1, 0.2, 0.0, 0.0, 0.1)), "has 5 numbers, but of the fisheye model only 4"),
        (opencv("yml", fisheye=0, coefficients=(0.1,) * 7), "7 numbers, but of the brown_conrady model only 4"),
        (opencv("yml", fisheye=0, coefficients=(0.1,) * 12), "coefficients of a thin prism or a tilted sensor"),
        (opencv("yml", fisheye=None, coefficients=(*_EIGHT, 0.0, 0.0, 0.0, 0.0, 0.0, 0.01)), "CALIB_TILTED_MODEL"),
        (opencv("yml").replace("image_width", "width"), "the size of the picture is missing"),
        (opencv("yml").replace("camera_matrix", "M1"), "matrices of OpenCV, but none of a camera"),
        (opencv("yml") + "xi: 1.2\n", "cv2.omnidir"),
        (COLMAP.replace("OPENCV_FISHEYE", "FOV"), "camera model FOV cannot be read: only OPENCV_FISHEYE, RADIAL"),
        (COLMAP.replace("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE"), "8 parameters, but SIMPLE_RADIAL_FISHEYE has 4"),
        (COLMAP + "2 OPENCV_FISHEYE 640 360 1 1 1 1 0 0 0 0\n", "with 2 cameras"),
        (COLMAP.replace(" -1e-05", ""), "has 7 parameters, but OPENCV_FISHEYE has 8"),
        (COLMAP.replace("0.004", "0.0.4"), "are not numbers"),
        (b"\x01" + bytes(7) + b"\x01" + bytes(60), "a binary file, .*cameras.bin becomes text"),
        (GOPRO.replace("FISHEYE", "DIVISION_UNDISTORTION"), "'intrinsic_type' is 'DIVISION_UNDISTORTION'"),
        (GOPRO.replace('"skew": 0.0', '"skew": 0.3'), "'skew' is 0.3"),
        (GOPRO.replace("focal_length", "focal"), "'intrinsics.focal_length' is missing"),
        ('{"CameraCalibrations": [{"Projection": {"Name": "FisheyeRadTanThinPrism"}}]}', "looks like Project Aria's"),
        ('{"Label": "camera-rgb", "Projection": {"Name": "Linear"}}', "looks like one camera of Project Aria's"),
        ('%YAML:1.0\nCamera.type: "KannalaBrandt8"\n', "looks like ORB-SLAM's settings"),
        ("%YAML:1.0\n---\nmodel_type: KANNALA_BRANDT\n", "looks like a camodocal or VINS calibration"),
        ('{"fl_x": 300.0, "camera_model": "OPENCV_FISHEYE"}', "looks like nerfstudio's transforms.json"),
        ("height: 360\nwidth: 640\ndistortion_model: equidistant\nk: [1.0]\n", "looks like a ROS CameraInfo message"),
        ("height: 360\ndistortion_model: equidistant\nD: [1.0]\n---\n", "looks like a ROS CameraInfo message"),
        ("\ufeff{}".encode("utf-16-le"), "text in UTF-16, as Windows writes it: save it in UTF-8"),
        ("<calibration><projection>fisheye</projection></calibration>", "XML with the root 'calibration'"),
        ("5.85e+02 0 3.2e+02\n0 5.85e+02 2.4e+02\n0 0 1\n", "of no other known format: Kalibr camchain, ROS"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused_by_name(tmp_path: Path, text: str | bytes, message: str) -> None:
    """Other models, other tools and half files: one sentence with the file, what it looks like, and what to do."""
    path = write(tmp_path, text)
    with pytest.raises(IntrinsicsError, match=message) as refused:
        read_calibration(path)
    assert str(refused.value).startswith(f"intrinsics {path}: ")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "model", "coefficients"),
    [
        (KALIBR.replace("equidistant", "radtan"), "brown_conrady", (0.02, -0.01, 0.004, -1e-05)),
        (KALIBR.replace("equidistant", "none").replace("[0.02, -0.01, 0.004, -1e-05]", "[]"), "pinhole", ()),
        (ros("plumb_bob", -0.3, 0.1, 0.001, -0.002, 0.01), "brown_conrady", (-0.3, 0.1, 0.001, -0.002, 0.01)),
        (ros("rational_polynomial", *_EIGHT), "brown_conrady", _EIGHT),
        (opencv("yml", fisheye=0, coefficients=(-0.3, 0.1, 0.001, 0.0)), "brown_conrady", (-0.3, 0.1, 0.001, 0.0)),
        (opencv("xml", fisheye=None, coefficients=_EIGHT[:5]), "brown_conrady", _EIGHT[:5]),
        (opencv("json", fisheye=None, coefficients=_EIGHT), "brown_conrady", _EIGHT),
        (opencv("yml", fisheye=None, coefficients=(*_EIGHT, *(0.0,) * 4)), "brown_conrady", _EIGHT),
        (opencv("yml", fisheye=0, coefficients=(*_EIGHT, *(0.0,) * 6)), "brown_conrady", _EIGHT),
        (colmap("OPENCV 640 360 300.5 301.25 323 178.5 -0.3 0.1 0.001 0.0"), "brown_conrady", (-0.3, 0.1, 0.001, 0.0)),
        (colmap("FULL_OPENCV 640 360 300.5 301.25 323 178.5 " + " ".join(map(str, _EIGHT))), "brown_conrady", _EIGHT),
        (colmap("RADIAL 640 360 300.5 323 178.5 -0.3 0.1"), "brown_conrady", (-0.3, 0.1, 0.0, 0.0)),
        (colmap("SIMPLE_RADIAL 640 360 300.5 323 178.5 -0.3"), "brown_conrady", (-0.3, 0.0, 0.0, 0.0)),
        (colmap("SIMPLE_RADIAL_FISHEYE 640 360 300.5 323 178.5 0.02"), "fisheye", (0.02, 0.0, 0.0, 0.0)),
        (colmap("RADIAL_FISHEYE 640 360 300.5 323 178.5 0.02 -0.01"), "fisheye", (0.02, -0.01, 0.0, 0.0)),
        (colmap("PINHOLE 640 360 300.5 301.25 323 178.5"), "pinhole", ()),
        (colmap("SIMPLE_PINHOLE 640 360 300.5 323 178.5"), "pinhole", ()),
    ],
)
def test_every_lens_model_is_read_from_the_tools_that_write_it(
    tmp_path: Path, text: str, model: str, coefficients: tuple[float, ...]
) -> None:
    """The model, its coefficients in OpenCV's order, and pixels whose first centre is (0, 0)."""
    found = read_calibration(write(tmp_path, text)).intrinsics
    assert (found.model, found.fx, found.cx, found.cy) == (model, 300.5, 322.5, 178.0)
    padded = (*coefficients, *[0.0] * 8)[: len(found.COEFFICIENTS)]
    assert tuple(getattr(found, name) for name in found.COEFFICIENTS) == pytest.approx(padded)


def test_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    """Exponents without a point or a sign are numbers, as their authors mean them."""
    text = KALIBR.replace("0.02", "2e-2").replace("0.004", "4E-3").replace("300.5", "3005e-1")
    assert numbers_of(read_calibration(write(tmp_path, text)).intrinsics) == pytest.approx(numbers_of(LENS))


@pytest.mark.skipif(not FISHEYE.is_dir(), reason=f"real calibrations are not at {FISHEYE}")
def test_a_real_gopro_is_read() -> None:
    """The published calibration of UMI's GoPro: fy is focal_length times aspect_ratio, as Theia defines it."""
    intrinsics = read_calibration(FISHEYE / "gopro_umi_intrinsics_2_7k.json")
    assert intrinsics.format == "OpenImuCameraCalibrator JSON"
    assert (intrinsics.intrinsics.fx, intrinsics.intrinsics.fy) == pytest.approx((796.85446, 799.22821))
    assert (intrinsics.intrinsics.image_width, intrinsics.intrinsics.d[0]) == (2704, -0.02196117964405394)
