"""Hours of usual work from seconds of it: a short recording, repeated by a head that is never quite where it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from models.encoders.encoder import TUBELET_FRAMES, UInt8
from models.encoders.grid_histograms import GRID_PX

FPS: Final = 15
"""Pictures a second: the first of every two frames at 30 fps, which is all that the grid encoder looks at."""
STORED_PX: Final = 88
"""Side of the stored pictures; what is larger than the encoder's frame leaves room for the head to move."""
FOLDERS: Final = ("ego/ego4d_site", "ego/egodex", "ego/homes")
MOST_PICTURES: Final = 450
FEWEST_PICTURES: Final = 4 * FPS
NOISE_LEVELS: Final = 2.0
"""Standard deviation of the sensor's noise, in levels of 255."""


def recordings(folder: Path) -> dict[str, UInt8]:
    """The pictures of the recordings of people at work that are long enough, by name and in its order."""
    paths = sorted(path for part in FOLDERS for path in folder.glob(f"{part}/*.mp4"))
    pictures = {path.stem: read_pictures(path) for path in paths}
    return {name: each for name, each in pictures.items() if len(each) >= FEWEST_PICTURES}


def read_pictures(path: Path) -> UInt8:
    """(n, 88, 88, 3) uint8 RGB: the central square of every other frame, at most ``MOST_PICTURES``."""
    pictures = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        for number, frame in enumerate(container.decode(video=0)):
            if number % TUBELET_FRAMES:
                continue
            rgb = frame.to_ndarray(format="rgb24")
            side = min(rgb.shape[:2])
            top, left = ((length - side) // 2 for length in rgb.shape[:2])
            square = rgb[top : top + side, left : left + side]
            pictures.append(cv2.resize(square, (STORED_PX, STORED_PX), interpolation=cv2.INTER_AREA))
            if len(pictures) == MOST_PICTURES:
                break
    return np.array(pictures, np.uint8)


def endless_work(pictures: UInt8, seed: int) -> Iterator[UInt8]:
    """Frames (64, 64, 3) for ever, ``FPS`` a second: each repetition has its own speed, head position and light."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, NOISE_LEVELS, (16, GRID_PX, GRID_PX, 3)).astype(np.float32)
    sway = np.zeros(4)
    while True:
        speed, place, light = rng.uniform(0.75, 1.3), rng.normal(0, 1.5, 2), rng.uniform(0.88, 1.12)
        tilt, scale = rng.normal(0, 1.5), rng.uniform(0.76, 0.86)
        for number in range(int(len(pictures) / speed)):
            sway = 0.97 * sway + 0.24 * rng.normal(size=4)
            matrix = cv2.getRotationMatrix2D(
                (STORED_PX / 2, STORED_PX / 2), tilt + sway[2], scale * (1 + 0.01 * sway[3])
            )
            matrix[:, 2] = matrix[:, 2] + (GRID_PX - STORED_PX) / 2 + place + sway[:2]
            picture = pictures[min(int(number * speed), len(pictures) - 1)]
            frame = cv2.warpAffine(picture, matrix, (GRID_PX, GRID_PX), borderMode=cv2.BORDER_REFLECT)
            yield np.clip(light * frame + noise[rng.integers(16)], 0, 255).astype(np.uint8)
