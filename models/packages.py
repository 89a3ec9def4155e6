"""The heavy packages that models need, which may be missing or not fit together."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from models.errors import ModelUnavailableError

_IMAGE: Final = "EGOCLEAN_IMAGE"
"""Names the image that this runs in; set by the Dockerfile."""


def require_packages(names: Iterable[str], *, extra: str) -> None:
    """Make sure that packages are installed, without importing them.

    Raises:
        ModelUnavailableError: one is not; the sentence says which extra of the distribution brings it.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        cure = how_to_install(f"-e '.[{extra}]' in the project's folder")
        raise ModelUnavailableError(f"the Python package {', '.join(missing)} is not installed: {cure}")


def how_to_install(words: str) -> str:
    """What brings a missing package: pip with ``words``; in the project's image, where pip helps nobody, another."""
    match os.environ.get(_IMAGE):
        case None:
            return f"pip install {words}"
        case "cpu":
            return "this is the image without torch, build the other one, without --target cpu"
        case _:
            return "build an image of your own on this one, with the package in /opt/venv"


def make_torchvision_importable() -> None:
    """Let transformers import an installed torchvision whose C++ operators do not fit the installed torch.

    PyPI's torchvision is built for CUDA. Beside a CPU torch its library does not load, ``import torchvision`` then
    fails on operators that were never declared, and transformers fails with it. Nothing here calls those operators: it
    is enough to declare them. Without torchvision, or with one that fits, nothing is done.
    """
    try:
        import_module("torchvision")
    except ImportError:
        return
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        _declare_torchvision_operators()


def _declare_torchvision_operators() -> None:
    from torch.library import define

    for operator in ("nms", "qnms"):
        define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for half_imported in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[half_imported]
