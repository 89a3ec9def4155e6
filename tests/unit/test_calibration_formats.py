"""Calibrations as other tools write them: read where they are certain, and otherwise refused by name."""

from pathlib import Path

import pytest

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.table import FORMATS, read_calibration
from stream.geometry.intrinsics import Intrinsics
from tests.support.calibrations import COLMAP, FILES, GOPRO, KALIBR, ROS, VALUES, opencv

FISHEYE = Path(__file__).parents[2].parent / "shared" / "data" / "fisheye"


LENS = Intrinsics.model_validate(VALUES)


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
        (KALIBR.replace("pinhole", "omni"), r"cam0 has Kalibr's model 'omni' .* --models pinhole-equi"),
        (KALIBR.replace("pinhole", "ds"), "'ds'"),
        (KALIBR.replace("pinhole", "eucm"), "'eucm'"),
        (KALIBR.replace("equidistant", "radtan"), "'radtan'"),
        (KALIBR + KALIBR.replace("cam0", "cam1"), "of cam0, cam1: leave only that of the clip"),
        (KALIBR.replace("  resolution: [640, 360]\n", ""), "cam0: 'resolution' is missing"),
        (KALIBR.replace(", 178.0]", "]"), "cam0 has 3 intrinsics and 4 distortion_coeffs"),
        (ROS.replace("equidistant", "plumb_bob"), "'distortion_model' is 'plumb_bob', and only equidistant can"),
        (ROS.replace("equidistant", "rational_polynomial"), "'rational_polynomial'"),
        (ROS.replace("distortion_model: equidistant\n", ""), "'distortion_model' is missing; a ROS camera_info has"),
        (ROS.replace("[300.5, 0.0,", "[300.5, 0.7,"), "'camera_matrix' has the skew 0.7"),
        (ROS.replace("cols: 4", "cols: 5"), "'distortion_coefficients' has 4 numbers, but 1 rows and 5 cols"),
        (opencv("yml", fisheye=None), "to the fisheye or to the radial-tangential model: .*fisheye_model"),
        (opencv("json", fisheye=0), "'fisheye_model' is 0, which stands for the radial-tangential model"),
        (opencv("xml", coefficients=(0.1, 0.2, 0.0, 0.0, 0.1)), "'distortion_coefficients' has 5 numbers"),
        (opencv("yml").replace("image_width", "width"), "the size of the picture is missing"),
        (opencv("yml").replace("camera_matrix", "M1"), "matrices of OpenCV, but none of a camera"),
        (opencv("yml") + "xi: 1.2\n", "cv2.omnidir"),
        (COLMAP.replace("OPENCV_FISHEYE", "OPENCV"), "COLMAP's camera model OPENCV cannot be read: only"),
        (COLMAP.replace("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE"), "SIMPLE_RADIAL_FISHEYE cannot be read"),
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
    assert (intrinsics.intrinsics.image_width, intrinsics.intrinsics.k1) == (2704, -0.02196117964405394)
