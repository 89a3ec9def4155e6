"""Chooses an inpainter by the name that a user gives it."""

from pathlib import Path
from typing import Final

from models.errors import ModelUnavailableError
from models.inpaint.inpainter import Inpainter

_ONNX_SUFFIX: Final = ".onnx"


def make_inpainter(model: str) -> Inpainter:
    """Load an inpainter; nothing is downloaded.

    Args:
        model: LaMa as an ONNX file, or the folder of an inpainting pipeline of diffusers.

    Raises:
        ModelUnavailableError: a package, the model or its weights are missing or invalid.
        MemoryError: it does not fit into the device's memory.
    """
    path = Path(model).expanduser()
    if path.suffix == _ONNX_SUFFIX:
        from models.inpaint.lama import LamaInpainter

        return LamaInpainter(path)
    if not path.is_dir():
        raise ModelUnavailableError(
            f"the inpainter {model!r} is neither an ONNX file nor a folder: download an inpainting pipeline of "
            "diffusers with `hf download`, and give its folder"
        )
    from models.inpaint.diffusion import DiffusionInpainter

    return DiffusionInpainter(path)
