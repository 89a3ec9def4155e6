"""The grid that a model's boxes lie in, and the squares that it sees its pictures in, by the name of the model.

Sources: Qwen2-VL answers in thousandths of the picture (arXiv:2409.12191, section 2.2.1), Qwen2.5-VL in pixels of the
picture after its resizing (arXiv:2502.13923, section 2.2.2), Qwen3-VL in thousandths again (arXiv:2511.21631). Other
families that are trained for boxes, such as InternVL and GLM-V, use thousandths, too. Squares are those of the models'
``preprocessor_config.json``: ``min_pixels`` 3136 of Qwen2-VL and Qwen2.5-VL, ``shortest_edge`` 65536 of Qwen3-VL.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from models.annotators.response.schema import BoxSpace

BoxUnit: TypeAlias = Literal["pixels", "thousandths"]
"""Pixels of the picture that the model is shown, or thousandths of its width and height."""
THOUSANDTHS: Final[BoxSpace] = (1000, 1000)


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """Models that see and answer alike."""

    box_unit: BoxUnit
    side_px: int
    """Side of the square that becomes one token: a picture of whole squares is not scaled by the server."""
    squares_min: int = 4
    """Fewest squares of a picture, which a server would enlarge else."""


_FAMILIES: Final = {
    "qwen25": ModelFamily("pixels", 28),
    "qwen2": ModelFamily("thousandths", 28),
    "qwen3": ModelFamily("thousandths", 32, squares_min=64),
}
"""By what a name holds, without its punctuation; the first that fits counts."""
_OTHER: Final = ModelFamily("thousandths", 28)


def family_of(model: str) -> ModelFamily:
    """The family of a model, by the last part of a hub name, a path or a server's name for it."""
    name = re.sub(r"[^a-z0-9]", "", model.rstrip("/").rpartition("/")[2].lower())
    return next((family for part, family in _FAMILIES.items() if part in name), _OTHER)


def box_space(unit: BoxUnit, width_px: int, height_px: int) -> BoxSpace:
    """The grid of boxes in a picture of a size."""
    return (width_px, height_px) if unit == "pixels" else THOUSANDTHS
