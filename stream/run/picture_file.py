"""A picture that a command takes in place of a clip."""

from pathlib import PurePath
from typing import Final

import cv2
import numpy as np

from stream.errors import SourceError
from stream.pipeline.items import UInt8
from stream.sources.clip import Clip

PICTURE_ENDINGS: Final = (".jpg", ".jpeg", ".png")


def is_picture(source: Clip) -> bool:
    """Whether a file, or a member of a tar, is a picture by its name."""
    return PurePath(source.member or source.file.name).suffix.lower() in PICTURE_ENDINGS


def read_picture(source: Clip) -> UInt8:
    """(height, width, 3) uint8 BGR, upright as its Exif tag says.

    Raises:
        SourceError: it is no picture, or cannot be read.
    """
    with source.open() as file:
        data = np.frombuffer(file.read(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_BGR) if data.size else None
    if picture is None:
        raise SourceError(f"{source.name} is not a picture that can be read; give a jpg, a png or a video")
    return np.asarray(picture, np.uint8)
