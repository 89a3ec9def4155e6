"""An exported V-JEPA 2, run by ONNX Runtime.

The runtime receives whole windows of bytes; the graph normalises, encodes and pools. Not tested on TensorRT or CUDA
yet.
"""

import io
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import ClipEmbedding, EncoderFacts, UInt8, check_window
from models.encoders.onnx.facts import OnnxFacts, check_files, check_fits, read_facts
from models.errors import ModelUnavailableError
from models.memory.adaptive_batch import AdaptiveBatch
from models.memory.oom import is_memory_full
from models.packages import require_packages

if TYPE_CHECKING:
    import onnxruntime

Provider: TypeAlias = Literal["auto", "tensorrt", "cuda", "cpu"]
"""Execution provider of ONNX Runtime; ``auto`` takes the first of the others that works."""
PACKAGES: Final = ("onnxruntime",)
BATCH_MAX: Final = 64
"""Maximum number of windows encoded at a time."""
_PROVIDERS: Final = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Fastest first; each leaves operators that it does not support to those after it."""
_LOG = logging.getLogger(__name__)


class OnnxEncoder:
    """The clip encoder in an ONNX file written by ``models.encoders.onnx.export``."""

    def __init__(self, file: Path, frames: int, provider: Provider = "auto", memory_bytes: int | None = None) -> None:
        """Load ``file`` and the JSON facts beside it.

        Args:
            file: the ONNX graph.
            frames: T, frames in a window.
            provider: execution provider.
            memory_bytes: GPU memory that the runtime may take, excluding its context; None for no limit.

        Raises:
            ModelUnavailableError: a package, a file or the provider is missing, or the file is for other windows.
            MemoryError: it does not fit into the device's memory.
        """
        require_packages(PACKAGES, extra="onnx")
        self._about: Final[OnnxFacts] = read_facts(file)
        check_fits(file, self._about, frames)
        check_files(file, self._about)
        settings = _settings(file, self._about.dtype, memory_bytes)
        with _full_memory_as_memory_error(file):
            self._session, self._provider, self._fell_back_from = _open(file, provider, settings)
        self._file: Final = file
        self._batch: Final = AdaptiveBatch(BATCH_MAX)
        self._busy_s = 0.0
        self.name: Final = f"vjepa2:{self._about.model}"
        self.frames: Final = self._about.frames
        self.encoder_px: Final = self._about.encoder_px

    def facts(self) -> EncoderFacts:
        import onnxruntime

        about = self._about
        fell_back = {"fell_back_from": ", ".join(self._fell_back_from)} if self._fell_back_from else {}
        return {
            "model": about.model,
            "revision": about.revision,
            "weights_sha256": about.weights_sha256,
            "dtype": about.dtype,
            "device": "cpu" if self._provider == _PROVIDERS["cpu"] else "cuda",
            "runtime": f"onnxruntime {onnxruntime.__version__}, {self._provider}, opset {about.opset}",
            "frames": about.frames,
            "dims": about.dims,
            "memory_halvings": self._batch.halvings,
            "device_busy_s": round(self._busy_s, 6),
            **fell_back,
        }

    def encode(self, window: UInt8) -> ClipEmbedding:
        check_window(window, self.frames, self.encoder_px)
        return self._embed([window])[0]

    def frame_store(self) -> CpuFrameStore:
        return CpuFrameStore(self._embed, self.frames, self.encoder_px)

    def _embed(self, windows: Sequence[UInt8]) -> list[ClipEmbedding]:
        began_at = time.perf_counter()
        with _full_memory_as_memory_error(self._file):
            embeddings = list(self._batch.run(windows, self._encode_batch))
        self._busy_s += time.perf_counter() - began_at
        return embeddings

    def _encode_batch(self, windows: Sequence[UInt8]) -> list[ClipEmbedding]:
        means, temporals = self._session.run(["mean", "temporal"], {"frames": np.stack(windows)})
        pairs = zip(np.asarray(means, np.float32), np.asarray(temporals, np.float16), strict=True)
        return [ClipEmbedding(mean, temporal) for mean, temporal in pairs]


@contextmanager
def _full_memory_as_memory_error(file: Path) -> Iterator[None]:
    """Raise ``MemoryError`` in place of the runtime's own errors for a full memory."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or not is_memory_full(error):
            raise
        raise MemoryError(f"{file} does not fit into the device's memory: {error}") from error


def _open(
    file: Path, provider: Provider, settings: Mapping[str, dict[str, str]]
) -> tuple["onnxruntime.InferenceSession", str, list[str]]:
    """A session, its provider, and the providers that were available but failed."""
    import onnxruntime

    wanted = list(_PROVIDERS.values()) if provider == "auto" else [_PROVIDERS[provider]]
    there = [name for name in wanted if name in onnxruntime.get_available_providers()]
    if there and there != [_PROVIDERS["cpu"]]:
        _load_cuda()
    for first in range(len(there)):
        session = _session(file, [(name, settings[name]) for name in there[first:]])
        if (used := session.get_providers()[0]) == there[first]:
            return session, used, there[:first]
        _LOG.warning("ONNX Runtime could not use %s for %s", there[first], file)
    raise ModelUnavailableError(
        f"ONNX Runtime cannot run {file} on {', '.join(wanted)}: install onnxruntime-gpu on a machine with a GPU, "
        "or give --onnx-provider cpu"
    )


def _load_cuda() -> None:
    """Load CUDA and cuDNN from NVIDIA's Python packages; ONNX Runtime itself searches only the system's folders.

    It prints missing libraries at length to standard output. That is suppressed: the caller reports unusable providers.
    """
    import onnxruntime

    with redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()


def _session(file: Path, providers: list[tuple[str, dict[str, str]]]) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: the caller reports the provider
    return onnxruntime.InferenceSession(file, options, providers)


def _settings(file: Path, dtype: str, memory_bytes: int | None) -> dict[str, dict[str, str]]:
    """Options by provider. TensorRT takes minutes to build an engine, which is cached beside the file.

    CUDA's arena grows by the requested size instead of doubling, so that the process's share of the GPU is used fully.
    """
    limit = None if memory_bytes is None else str(max(1, memory_bytes))
    return {
        _PROVIDERS["tensorrt"]: {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(file.parent),
            "trt_fp16_enable": str(dtype == "float16"),
            **({"trt_max_workspace_size": limit} if limit else {}),
        },
        _PROVIDERS["cuda"]: {
            "arena_extend_strategy": "kSameAsRequested",
            **({"gpu_mem_limit": limit} if limit else {}),
        },
        _PROVIDERS["cpu"]: {},
    }
