"""Chooses a depth model by the name that a user gives it."""

from pathlib import Path
from typing import Final

from models.depth import pretrained
from models.depth.depth import DepthEstimator
from models.packages import require_packages
from models.weights.fetch import Report, unreported
from models.weights.weights import locate

_ONNX_SUFFIX: Final = ".onnx"


def make_depth_estimator(model: str, *, allow_download: bool = True, report: Report = unreported) -> DepthEstimator:
    """Load a depth model.

    Args:
        model: An ONNX file with its JSON file beside it, or a folder or hub name of a depth model of transformers; a
            hub name may end in ``@`` and a revision.
        allow_download: Whether the hub may be contacted for weights that are not on this machine.
        report: Receives the progress of a download.

    Raises:
        ModelUnavailableError: a package, the model or its weights are missing or invalid.
        MemoryError: it does not fit into the device's memory.
        OSError: the disk is full.
    """
    if model.endswith(_ONNX_SUFFIX):
        from models.depth.onnx import OnnxDepth

        return OnnxDepth(Path(model).expanduser())
    require_packages(pretrained.PACKAGES, extra=pretrained.EXTRA)
    folder = locate(model, allow_download=allow_download, report=report)
    return pretrained.PretrainedDepth(folder)
