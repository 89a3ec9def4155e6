"""A model that sees: it finds the red rectangle in the first picture, and answers where it is, as its family does."""

import json
from base64 import b64decode
from typing import Any

import cv2
import numpy as np

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.box_space import BoxUnit
from tests.support.echo_server import answer_to


def red_segment(box: tuple[int, int, int, int], size: tuple[int, int] = (854, 480)) -> AnnotationRequest:
    """A segment of one grey frame of a size with a red rectangle in it."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    picture[box[1] : box[3], box[0] : box[2]] = (0, 0, 255)
    _, jpeg = cv2.imencode(".jpg", picture)
    return AnnotationRequest("s0", "3f" * 32, 2.0, (RequestFrame(0.5, jpeg.tobytes()),), *size)


def seen(body: dict[str, Any], unit: BoxUnit, side_px: int) -> str:
    """The answer to a request: the box of what is red in the picture as the model's own processor scales it."""
    url = body["messages"][0]["content"][1]["image_url"]["url"]
    sent = cv2.imdecode(np.frombuffer(b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert sent is not None
    size = _smart_size(sent.shape[1], sent.shape[0], side_px)
    picture = cv2.resize(sent, size).astype(int)
    rows, columns = np.nonzero((picture[..., 2] > 180) & (picture[..., 1] < 90))
    corners = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    if unit == "thousandths":
        corners = np.rint(corners * 1000 / np.array([*size, *size])).astype(int)
    answer = json.loads(answer_to(body))
    answer["actions"][0]["objects"][0]["bbox_2d"] = corners.tolist()
    return json.dumps(answer)


def _smart_size(width_px: int, height_px: int, side_px: int) -> tuple[int, int]:
    """The size at which a Qwen-VL's image processor shows a picture, as long as it has neither few nor many pixels."""
    width, height = (max(1, round(length / side_px)) * side_px for length in (width_px, height_px))
    return width, height
