"""An HDF5 episode of an exact scene, with its depth and its camera, to try an alignment with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from models.packages import require_packages
from stream.geometry.pinhole import PinholeCamera
from stream.records.store.atomic import replaced_when_whole
from stream.records.store.hdf5_output import VERSIONS, Hdf5Output

FPS: Final = 10
_JPEG_QUALITY: Final = 95
_MM_PER_M: Final = 1000


def render_episode(path: Path, name: str, frames: int, width_px: int, progress: Callable[[int], None]) -> PinholeCamera:
    """Write the episode at ``path``, and return the camera of its pictures, which are 16:9.

    The data sets have EgoHumanoid's names: ``observation_image_left`` and ``camera_timestamp``. ``depth`` is uint16,
    millimetres.

    Args:
        path: An HDF5 file; its folder exists.
        name: One of ``stream.bench.alignment.scenes.SCENES``.
        frames: How many; ``FPS`` a second.
        width_px: Of the pictures.
        progress: Called with the number of frames that are rendered.

    Raises:
        ModelUnavailableError: h5py or numba is not installed.
        OSError: the file cannot be written.
    """
    require_packages(["h5py", "numba"], extra="align")
    import h5py

    from stream.bench.alignment.moving_scenes import head_motion, scene_at
    from stream.bench.alignment.scenes import scene, view

    exact = scene(name)
    camera = exact.camera(width_px, width_px * 9 // 16)
    shape = frames, camera.height_px, camera.width_px
    with replaced_when_whole(path) as part, Hdf5Output(part) as output, h5py.File(output, "w", libver=VERSIONS) as file:
        pictures = file.create_dataset("observation_image_left", shape[:1], h5py.vlen_dtype(np.uint8))
        depth = file.create_dataset("depth", shape, np.uint16, chunks=(1, *shape[1:]), compression="gzip", shuffle=True)
        for index in range(frames):
            seen = view(scene_at(exact, index / FPS), camera, head_motion(index / FPS))
            jpeg = cv2.imencode(".jpg", seen.picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
            pictures[index] = jpeg.ravel()
            depth[index] = np.round(seen.depth_m * _MM_PER_M).astype(np.uint16)
            output.raise_error()
            progress(index + 1)
        file.create_dataset("camera_timestamp", data=np.arange(frames, dtype=np.int64) * (10**9 // FPS))
    return camera


def camera_json(camera: PinholeCamera) -> str:
    """The camera in the form that ``--intrinsics`` reads."""
    (fx, _, cx), (_, fy, cy), _ = camera.k.tolist()
    size = {"image_width": camera.width_px, "image_height": camera.height_px}
    return json.dumps({"model": "pinhole", **size, "fx": fx, "fy": fy, "cx": cx, "cy": cy}, indent=1) + "\n"
