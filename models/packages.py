"""Checks for the heavy packages that models need, which may be missing or incompatible."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from models.errors import ModelUnavailableError

IMAGE_VARIABLE: Final = "EGOCLEAN_IMAGE"
"""Environment variable, set by the Dockerfile, that names the running image."""


def require_packages(names: Iterable[str], *, extra: str) -> None:
    """Check that packages are installed, without importing them.

    Raises:
        ModelUnavailableError: one is missing; the message names the extra that installs it.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        cure = how_to_install(f"-e '.[{extra}]' in the project's folder")
        raise ModelUnavailableError(f"the Python package {', '.join(missing)} is not installed: {cure}")


def how_to_install(words: str) -> str:
    """A clause on installing a missing package: pip with ``words``, or another image inside the project's images."""
    match os.environ.get(IMAGE_VARIABLE):
        case None:
            return f"pip install {words}"
        case "cpu":
            return "this image has no torch; build the default image, without --target cpu"
        case _:
            return "build your own image on top of this one, with the package in /opt/venv"


def make_torchvision_importable() -> None:
    """Let transformers import an installed torchvision whose C++ operators do not match the installed torch.

    PyPI's torchvision is built for CUDA. With a CPU build of torch its library does not load, so ``import torchvision``
    fails on undeclared operators, and transformers fails with it. Nothing here calls those operators, so declaring them
    is enough. Does nothing without torchvision, or with a matching one.
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
