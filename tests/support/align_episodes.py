"""Small HDF5 episodes with depth, a near board in front of a far wall, and how tests align them."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import h5py
import numpy as np

from stream.pipeline.items import UInt8
from tests.support.inline import run_here

FRAMES, WIDTH_PX, HEIGHT_PX = 6, 96, 64
IMAGES, DEPTH = "observation_image_left", "depth"


def picture(index: int) -> UInt8:
    """(H, W, 3) BGR: smooth noise that moves with the frame's number."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX + 64, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.ascontiguousarray(smooth[:, 2 * index % 64 : 2 * index % 64 + WIDTH_PX])


def jpeg(of: UInt8, quality: int = 95) -> UInt8:
    """Its bytes."""
    _, content = cv2.imencode(".jpg", of, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(content, np.uint8)


def make_episode(
    path: Path, *, raw: bool = False, frames: int = FRAMES, change: Callable[[h5py.File], None] | None = None
) -> Path:
    """Write an episode, and let ``change`` spoil or extend it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        if raw:
            file.create_dataset(IMAGES, data=np.stack([picture(index) for index in range(frames)]))
        else:
            images = file.create_dataset(IMAGES, (frames,), h5py.vlen_dtype(np.uint8))
            for index in range(frames):
                images[index] = jpeg(picture(index))
        file[IMAGES].attrs["camera"] = "left"
        z = np.full((frames, HEIGHT_PX, WIDTH_PX), 2.0, np.float32)
        z[:, 20:40, 30:60] = 0.8
        file.create_dataset(DEPTH, data=z, chunks=(1, HEIGHT_PX, WIDTH_PX), compression="gzip", shuffle=True)
        file.create_dataset("camera_timestamp", data=np.arange(frames, dtype=np.int64) * 50_000_000)
        actions = np.arange(frames * 3.0).reshape(-1, 3)
        file.create_dataset("robot/action", data=actions, maxshape=(None, 3), chunks=(2, 3))
        file.attrs.update(fps=20.0, task="pour", nothing=h5py.Empty("f"))
        file["same"] = h5py.SoftLink("/robot/action")
        if change is not None:
            change(file)
    return path


def make_camera(path: Path, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> Path:
    """The camera of these episodes, or one of another size."""
    centre = {"cx": (width_px - 1) / 2, "cy": (height_px - 1) / 2}
    size = {"image_width": width_px, "image_height": height_px}
    path.write_text(json.dumps({"model": "pinhole", **size, "fx": 80.0, "fy": 80.0, **centre}))
    return path


def align(tmp_path: Path, source: Path, *options: str | Path, out: str = "out") -> CompletedProcess[str]:
    """Align with the episodes' own depth and camera."""
    camera = make_camera(tmp_path / "camera.json")
    words = ("--output_dir", tmp_path / out, "--intrinsics", camera, "--depth_key", DEPTH)
    return run_here("align", source, *words, *options)
