"""The protocol of what paints holes in pictures."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.depth.depth import ModelFacts


class Inpainter(Protocol):
    """Paints the holes of a picture. Callers keep every pixel outside them, whatever it returns there."""

    @property
    def facts(self) -> ModelFacts:
        """The model, for the record."""

    def inpaint(
        self, picture: npt.NDArray[np.uint8], is_hole: npt.NDArray[np.bool_], prompt: str, seed: int
    ) -> npt.NDArray[np.uint8]:
        """The picture with its holes painted, (H, W, 3) RGB.

        Args:
            picture: (H, W, 3) RGB; the values in holes have no meaning.
            is_hole: (H, W).
            prompt: What it shows, for models that take a text.
            seed: The same picture, prompt and seed give the same result on one machine.
        """
