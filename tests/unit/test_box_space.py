"""Which grid a model's boxes lie in, by its name, and at which size it is shown a picture."""

import pytest

from models.annotators.box_space import BoxUnit, box_space, family_of
from models.annotators.qwen.frames import shown_size


@pytest.mark.parametrize(
    ("model", "unit", "side_px"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "pixels", 28),
        ("qwen2.5vl:7b", "pixels", 28),
        ("/weights/qwen2_5_vl-72b-awq/", "pixels", 28),
        ("Qwen2.5-Omni-7B", "pixels", 28),
        ("Qwen/Qwen2-VL-2B-Instruct", "thousandths", 28),
        ("Qwen/Qwen3-VL-8B-Instruct-FP8", "thousandths", 32),
        ("qwen3-vl-plus", "thousandths", 32),
        ("/qwen2.5/Qwen3-VL-4B.gguf", "thousandths", 32),
        ("OpenGVLab/InternVL3-8B", "thousandths", 28),
        ("model", "thousandths", 28),
        ("", "thousandths", 28),
    ],
)
def test_family_follows_from_the_name(model: str, unit: BoxUnit, side_px: int) -> None:
    """Only the last part of a name counts, without its punctuation."""
    family = family_of(model)
    assert (family.box_unit, family.side_px) == (unit, side_px)


def test_grid_is_the_picture_or_thousandths() -> None:
    assert box_space("pixels", 588, 336) == (588, 336)
    assert box_space("thousandths", 588, 336) == (1000, 1000)


@pytest.mark.parametrize(("model", "least_px"), [("Qwen2.5-VL-7B", 56**2), ("Qwen3-VL-8B", 256**2)])
@pytest.mark.parametrize("size", [(854, 480), (480, 854), (456, 256), (64, 36), (1, 1), (9, 4096), (4096, 9)])
def test_sent_pictures_are_whole_squares(size: tuple[int, int], model: str, least_px: int) -> None:
    """A server finds nothing to scale: both sides are multiples of a square's, and there are not too few pixels."""
    family = family_of(model)
    side_px, squares_min = family.side_px, family.squares_min
    width, height = shown_size(*size, side_px=side_px, pixels_max=256 * 28**2, squares_min=squares_min)
    assert (width % side_px, height % side_px) == (0, 0)
    assert least_px <= width * height <= 256 * 28**2


def test_a_tiny_picture_keeps_its_shape() -> None:
    """As nearly as whole squares allow."""
    assert shown_size(64, 36, side_px=32, pixels_max=256 * 28**2, squares_min=64) == (352, 192)
