"""The heavy packages that models need, which may be missing or not fit together."""

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

from models.errors import ModelUnavailableError


def require_packages(names: Iterable[str], *, extra: str) -> None:
    """Make sure that packages are installed, without importing them.

    Raises:
        ModelUnavailableError: one is not; the sentence says which extra of the distribution brings it.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ModelUnavailableError(
            f"the Python package {', '.join(missing)} is not installed: "
            f"pip install -e '.[{extra}]' in the project's folder"
        )


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
