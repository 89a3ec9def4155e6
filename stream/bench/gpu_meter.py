"""What the GPU does while something runs: NVML, asked ten times a second. Not run on a GPU yet."""

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from models.gpu import nvml_device

if TYPE_CHECKING:
    from pynvml import c_nvmlDevice_t

_PERIOD_S = 0.1


class GpuMeter:
    """Measures the whole card, whoever uses it, from ``with`` to its end; nothing where there is no GPU."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._device: c_nvmlDevice_t | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gpu-meter", daemon=True)
        self._busy: list[float] = []
        self._used_bytes: list[int] = []
        self._joules = 0.0
        self._has_joules = False

    def __enter__(self) -> Self:
        self._device = self._stack.enter_context(nvml_device())
        if self._device is not None:
            self._sample()
            self._joules = -self._energy_j()
            self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._device is not None:
            self._ended.set()
            self._thread.join()
            self._sample()
            self._joules += self._energy_j()
        self._stack.close()

    def figures(self) -> dict[str, float | int | None] | None:
        """``busy_share`` of the time, ``memory_used_bytes_max`` of the card, ``energy_j``; None without a GPU."""
        if self._device is None:
            return None
        return {
            "busy_share": round(sum(self._busy) / len(self._busy), 3),
            "memory_used_bytes_max": max(self._used_bytes),
            "energy_j": round(self._joules, 1) if self._has_joules else None,
        }

    def _watch(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self._sample()

    def _sample(self) -> None:
        import pynvml

        self._busy.append(pynvml.nvmlDeviceGetUtilizationRates(self._device).gpu / 100)
        self._used_bytes.append(int(pynvml.nvmlDeviceGetMemoryInfo(self._device).used))

    def _energy_j(self) -> float:
        """Since the driver was loaded; cards before Volta do not tell."""
        import pynvml

        try:
            millijoules = pynvml.nvmlDeviceGetTotalEnergyConsumption(self._device)
        except pynvml.NVMLError:
            return 0.0
        self._has_joules = True
        return float(millijoules) / 1000
