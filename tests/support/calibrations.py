"""One fisheye calibration as each tool writes it."""

import json

import cv2
import numpy as np

VALUES = {
    "model": "fisheye", "image_width": 640, "image_height": 360, "fx": 300.5, "fy": 301.25, "cx": 322.5, "cy": 178.0,
    "k1": 0.02, "k2": -0.01, "k3": 0.004, "k4": -1e-05,
}  # fmt: skip
"""The values of every file here."""

KALIBR = """\
cam0:
  T_cam_imu:
  - [0.0, 1.0, 0.0, 0.1]
  - [0.0, 0.0, 0.0, 1.0]
  cam_overlaps: []
  camera_model: pinhole
  distortion_coeffs: [0.02, -0.01, 0.004, -1e-05]
  distortion_model: equidistant
  intrinsics: [300.5, 301.25, 322.5, 178.0]
  resolution: [640, 360]
  rostopic: /cam0/image_raw
"""
ROS = """\
image_width: 640
image_height: 360
camera_name: head
camera_matrix:
  rows: 3
  cols: 3
  data: [300.5, 0.0, 322.5, 0.0, 301.25, 178.0, 0.0, 0.0, 1.0]
distortion_model: equidistant
distortion_coefficients:
  rows: 1
  cols: 4
  data: [0.02, -0.01, 0.004, -0.00001]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
"""
COLMAP = """\
# Camera list with one line of data per camera:
#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]
# Number of cameras: 1
1 OPENCV_FISHEYE 640 360 300.5 301.25 323 178.5 0.02 -0.01 0.004 -1e-05
"""
GOPRO = json.dumps({
    "final_reproj_error": 0.29, "fps": 59.94, "image_width": 640, "image_height": 360, "intrinsic_type": "FISHEYE",
    "intrinsics": {
        "aspect_ratio": 301.25 / 300.5, "focal_length": 300.5, "principal_pt_x": 322.5, "principal_pt_y": 178.0,
        "radial_distortion_1": 0.02, "radial_distortion_2": -0.01, "radial_distortion_3": 0.004,
        "radial_distortion_4": -1e-05, "skew": 0.0,
    },
    "nr_calib_images": 59,
})  # fmt: skip


def opencv(
    ending: str, *, fisheye: int | None = 1, coefficients: tuple[float, ...] = (0.02, -0.01, 0.004, -1e-05)
) -> str:
    """What OpenCV's own calibration program writes, by OpenCV; ``ending`` is yml, json or xml."""
    writer = cv2.FileStorage(f"calibration.{ending}", cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY)
    writer.write("calibration_time", "Mon 02 Mar 2026 10:00:00 AM CET")
    writer.write("image_width", 640)
    writer.write("image_height", 360)
    writer.writeComment("flags: +fix_skew")
    if fisheye is not None:
        writer.write("fisheye_model", fisheye)
    writer.write("camera_matrix", np.array([[300.5, 0.0, 322.5], [0.0, 301.25, 178.0], [0.0, 0.0, 1.0]]))
    writer.write("distortion_coefficients", np.array(coefficients)[:, None])
    writer.write("avg_reprojection_error", 0.29)
    return writer.releaseAndGetString()


def ros(model: str, *coefficients: float) -> str:
    """What ROS writes for the same camera with another lens model."""
    old = "equidistant\ndistortion_coefficients:\n  rows: 1\n  cols: 4\n  data: [0.02, -0.01, 0.004, -0.00001]"
    numbers = ", ".join(map(str, coefficients))
    return ROS.replace(
        old, f"{model}\ndistortion_coefficients:\n  rows: 1\n  cols: {len(coefficients)}\n  data: [{numbers}]"
    )


def colmap(camera: str) -> str:
    """COLMAP's file with one camera: model, width, height and parameters."""
    return f"# Number of cameras: 1\n1 {camera}\n"


FILES = {
    "Egocentric JSON": json.dumps(VALUES),
    "Kalibr camchain": KALIBR,
    "ROS camera_info": ROS,
    "OpenCV FileStorage": opencv("yml"),
    "COLMAP cameras.txt": COLMAP,
    "OpenImuCameraCalibrator JSON": GOPRO,
}
"""By the name of the format; OpenCV's also as JSON and XML."""
