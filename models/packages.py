"""Checks for the heavy packages that models need, which may be missing or incompatible."""

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from models.errors import ModelUnavailableError

IMAGE_VARIABLE: Final = "EGOCLEAN_IMAGE"
"""Environment variable, set by the Dockerfile, that names the running image."""

_DISTRIBUTION: Final = "egoclean-stream"
_PROJECT_FILE: Final = Path(__file__).parents[1] / "pyproject.toml"
"""Beside the packages in the project's folder; not where a wheel was installed."""
_NOT_IN_CPU_IMAGE: Final = frozenset({"vjepa", "qwen", "depth", "diffusers", "onnx"})
"""The extras with torch, which only the default image has."""


def require_packages(names: Iterable[str], *, extra: str) -> None:
    """Check that packages are installed, without importing them.

    Raises:
        ModelUnavailableError: one is missing; the message names the extra that installs it.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ModelUnavailableError(f"{named(missing)} not installed: {how_to_install_extra(extra)}")


def named(packages: Sequence[str]) -> str:
    """``the Python package torch is``, ``the Python packages torch and transformers are``."""
    if len(packages) == 1:
        return f"the Python package {packages[0]} is"
    return f"the Python packages {', '.join(packages[:-1])} and {packages[-1]} are"


def how_to_install_extra(extra: str) -> str:
    """A clause on installing an extra of this distribution where the program runs."""
    if os.environ.get(IMAGE_VARIABLE) == "cpu" and extra in _NOT_IN_CPU_IMAGE:
        return "this image has no torch; build the default image, without --target cpu"
    if _is_source_tree():
        return how_to_install(f"-e '.[{extra}]' in the project's folder")
    return how_to_install(f"'{_DISTRIBUTION}[{extra}]'")


def how_to_install(words: str) -> str:
    """A clause on installing a missing package: pip with ``words``, or another image inside the project's images."""
    if IMAGE_VARIABLE in os.environ:
        return "build your own image on top of this one, with the package in /opt/venv"
    return f"pip install {words}"


def _is_source_tree() -> bool:
    """Whether the program runs from the project's folder: installed in editable mode, or not at all."""
    return _PROJECT_FILE.is_file() and f'name = "{_DISTRIBUTION}"' in _PROJECT_FILE.read_text()


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
