"""How a picture becomes a square, by name."""

from typing import Literal, TypeAlias

Geometry: TypeAlias = Literal["crop", "squash", "letterbox"]
"""Its middle, all of it out of shape, or all of it between black bars."""
