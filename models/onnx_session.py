"""Sessions of ONNX Runtime for graphs that others exported."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.errors import ModelUnavailableError

if TYPE_CHECKING:
    import onnxruntime

_PROVIDERS: Final = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""In order of preference; the CPU is always there."""


def open_session(file: Path) -> "onnxruntime.InferenceSession":
    """A session on the GPU if the installed runtime has CUDA, else on the CPU.

    Raises:
        ModelUnavailableError: the file is missing, or is no graph that the runtime can run.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    if not file.is_file():
        raise ModelUnavailableError(f"the ONNX model {file} does not exist")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    available = [name for name in _PROVIDERS if name in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(file, options, available)
    except (states.Fail, states.InvalidGraph, states.InvalidProtobuf, states.NotImplemented) as error:
        reason = str(error).partition("\n")[0]
        raise ModelUnavailableError(f"ONNX Runtime cannot run {file}: {reason}") from error
