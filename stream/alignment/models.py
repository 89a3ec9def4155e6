"""The models of a call, which all of its episodes share."""

from dataclasses import dataclass

from models.depth.depth import DepthEstimator
from models.inpaint.inpainter import Inpainter


@dataclass(frozen=True, slots=True)
class AlignModels:
    """Those that are wanted."""

    depth: DepthEstimator | None = None
    """None if episodes have their depth."""
    inpainter: Inpainter | None = None
    """None: what no frame shows gets the colours of its surroundings."""
