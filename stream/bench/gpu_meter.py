"""What the GPU does while something runs: NVML, asked ten times a second. Not run on a GPU yet."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from models.memory.gpu import nvml_device

if TYPE_CHECKING:
    from pynvml import c_nvmlDevice_t

T = TypeVar("T")

_PERIOD_S = 0.1


@dataclass(frozen=True, slots=True)
class _Sample:
    """What the card told at a time of the monotonic clock; None for what it does not tell."""

    at: float
    busy_share: float | None
    used_bytes: int | None
    energy_j: float | None
    """Since the driver was loaded."""


class GpuMeter:
    """Measures the whole card, whoever uses it, from ``with`` to its end; nothing where there is no GPU."""

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
        """What the card did between two times of the monotonic clock; None without a GPU.

        ``busy_share`` of that time, ``energy_j`` in it, and ``memory_used_bytes_max`` of the whole time measured. What
        the card does not tell, as one that is shared out (MIG, vGPU) or is old, is None.
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
                _told(lambda: pynvml.nvmlDeviceGetUtilizationRates(device).gpu / 100),
                _told(lambda: int(pynvml.nvmlDeviceGetMemoryInfo(device).used)),
                _told(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(device) / 1000),
            )
        )


def _told(ask: Callable[[], T]) -> T | None:
    """What NVML says; None where it does not."""
    import pynvml

    try:
        return ask()
    except pynvml.NVMLError:
        return None
