"""The compute device under test: its matrix multiplication throughput, and what a GPU does during a run.

    python -m stream.bench.device --dtype float16

prints the throughput, the ceiling for any encoder. A process of its own measures it, so that the caller holds no GPU
memory. Not tested on a GPU yet.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import click

from models.memory.gpu import nvml_device

if TYPE_CHECKING:
    from pynvml import c_nvmlDevice_t


_SIDES = {"cuda": (4096, 8192), "cpu": (1024, 2048)}
_ROUNDS = 5


def ceiling_flop_s(dtype: str) -> float:
    """Measure, in a process of its own, the floating point operations per second of large products in ``dtype``.

    Raises:
        subprocess.CalledProcessError: torch cannot multiply matrices of this type.
    """
    command = [sys.executable, "-m", "stream.bench.device", "--dtype", dtype]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["flop_s"])


def measure(dtype: str) -> float:
    """Operations per second of the fastest of several square products, 2 n^3 operations each.

    torch accumulates float16 in float32.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    best = 0.0
    for side in _SIDES[device]:
        left = torch.rand(side, side, device=device).to(getattr(torch, dtype))
        for _ in range(_ROUNDS + 1):  # the first one is slow, because it selects a kernel
            began_at = time.perf_counter()
            left @ left
            if device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * side**3 / (time.perf_counter() - began_at))
    return best


@click.command()
@click.option("--dtype", type=click.Choice(["float32", "float16", "bfloat16"]), default="float16", show_default=True)
def main(dtype: str) -> None:
    """Print the throughput of the first CUDA device, or else of the CPU, as JSON."""
    click.echo(json.dumps({"dtype": dtype, "flop_s": measure(dtype)}))


if __name__ == "__main__":
    main()


T = TypeVar("T")

_PERIOD_S = 0.1


@dataclass(frozen=True, slots=True)
class _Sample:
    """The state of the GPU at a time of the monotonic clock; None for what it does not report."""

    at: float
    busy_share: float | None
    used_bytes: int | None
    energy_j: float | None
    """Since the driver was loaded."""


class GpuMeter:
    """Measures the whole GPU, with all of its users, during a ``with`` block; does nothing without a GPU.

    It reads NVML ten times per second.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._device: c_nvmlDevice_t | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gpu-meter", daemon=True)
        self._samples: list[_Sample] = []

    def __enter__(self) -> Self:
        self._device = self._stack.enter_context(nvml_device())
        if self._device is not None:
            self._sample()
            self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._device is not None:
            self._ended.set()
            self._thread.join()
            self._sample()
        self._stack.close()

    def figures(self, since: float, until: float) -> dict[str, float | int | None] | None:
        """The use of the GPU between two times of the monotonic clock; None without a GPU.

        ``busy_share`` and ``energy_j`` refer to that time, ``memory_used_bytes_max`` to the whole time measured. Values
        that the GPU does not report are None; shared GPUs (MIG, vGPU) and old ones do not report all.
        """
        if self._device is None:
            return None
        within = [sample for sample in self._samples if since <= sample.at <= until]
        busy = [sample.busy_share for sample in within if sample.busy_share is not None]
        energy_j = [sample.energy_j for sample in within if sample.energy_j is not None]
        used_bytes = [sample.used_bytes for sample in self._samples if sample.used_bytes is not None]
        return {
            "busy_share": round(sum(busy) / len(busy), 3) if busy else None,
            "memory_used_bytes_max": max(used_bytes, default=None),
            "energy_j": round(energy_j[-1] - energy_j[0], 1) if energy_j else None,
        }

    def _watch(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self._sample()

    def _sample(self) -> None:
        import pynvml

        device = self._device
        self._samples.append(
            _Sample(
                time.monotonic(),
                _reported(lambda: pynvml.nvmlDeviceGetUtilizationRates(device).gpu / 100),
                _reported(lambda: int(pynvml.nvmlDeviceGetMemoryInfo(device).used)),
                _reported(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(device) / 1000),
            )
        )


def _reported(read: Callable[[], T]) -> T | None:
    """A value that NVML reports; None if it does not support it."""
    import pynvml

    try:
        return read()
    except pynvml.NVMLError:
        return None
