"""A server's boxes, in the space that its model was trained on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.annotators.box_space import BoxUnit
from models.annotators.response.parse import parse_answer
from tests.support.openai_requests import annotator, openai_server, outcomes
from tests.support.openai_server import OpenAIServer
from tests.support.seeing_server import red_segment, seen

BOX = (427, 240, 640, 400)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with openai_server(tmp_path, monkeypatch) as server:
        yield server


@pytest.mark.parametrize("size", [(854, 480), (640, 416), (1920, 1080), (480, 854), (64, 48)])
@pytest.mark.parametrize(
    ("model", "unit", "side_px", "box_unit"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "pixels", 28, None),
        ("Qwen/Qwen3-VL-8B-Instruct", "thousandths", 32, None),
        ("my-model", "thousandths", 28, None),
        ("my-model", "pixels", 28, "pixels"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "thousandths", 28, "thousandths"),
    ],
)
def test_box_is_where_the_model_sees_it(
    server: OpenAIServer, model: str, unit: BoxUnit, side_px: int, box_unit: BoxUnit | None, size: tuple[int, int]
) -> None:
    """A model that answers in its own space gives the box of the keyframe, to the pixels of what it was shown."""
    server.model = model
    server.answers = lambda body: seen(body, unit, side_px)
    box = size[0] // 2, size[1] // 2, size[0] * 3 // 4, size[1] * 5 // 6
    request = red_segment(box, size)
    answer = outcomes(server, request, model=model, box_unit=box_unit)["s0"]
    (action,) = parse_answer(answer.raw, request, answer.box_space, answer.frame_times_s).actions
    assert action.objects[0].bbox == pytest.approx(box, abs=1 + max(size) / 400)
    assert action.objects[0].frame_t_s == 0.5


def test_space_is_on_record(server: OpenAIServer) -> None:
    """The facts name the unit, and each answer its grid."""
    assert annotator(server).facts()["box_space"] == "thousandths"
    assert annotator(server, model="Qwen2.5-VL-3B").facts()["box_space"] == "pixels"
    assert annotator(server, model="Qwen2.5-VL-3B", box_unit="thousandths").facts()["box_space"] == "thousandths"
    server.model = model = "Qwen2.5-VL-3B"
    assert outcomes(server, red_segment(BOX), model=model)["s0"].box_space == (588, 336)
