"""The models of a call of ``align``, loaded once for all of its episodes."""

from dataclasses import dataclass

from models.depth.depth import DepthEstimator
from models.errors import ModelUnavailableError
from models.inpaint.inpainter import Inpainter
from stream.alignment.options import AlignOptions


@dataclass(frozen=True, slots=True)
class AlignModels:
    """Those that are wanted."""

    depth: DepthEstimator | None = None
    """None if episodes have their depth."""
    inpainter: Inpainter | None = None
    """None: what no frame shows gets the colours of its surroundings."""


def load_models(options: AlignOptions) -> AlignModels:
    """Load the models that the options name.

    Raises:
        ModelUnavailableError: there is no source of depth.
    """
    if options.depth_key is None:
        raise ModelUnavailableError("there is no depth: name the data set that holds it with --depth_key")
    return AlignModels()
