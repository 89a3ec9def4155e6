"""Frames in the memory of the device that computes: each goes up once, as bytes, and windows are gathered there.

On CUDA nothing here waits for the device: frames and slots go up from page-locked memory, results come down into it,
and an event says when they are there. All work is on one stream, so that a slot may be filled again while a window that
used it is still under way. On the CPU the same code runs, and is done at once; on CUDA it has not been run.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from models.encoders.encoder import ClipEmbedding, UInt8, check_frame, check_windows
from models.encoders.vjepa2.device_clock import DeviceClock
from models.memory.adaptive_batch import AdaptiveBatch
from models.memory.oom import full_memory_as_memory_error


class DeviceEncoding:
    """A batch under way: its results are on their way down."""

    def __init__(self, mean: Tensor, temporal: Tensor) -> None:
        """Fetch (B, D) float32 and (B, T/2, D) float32; the second arrives as float16."""
        self._mean = _fetched(mean)
        self._temporal = _fetched(temporal.half())
        self._arrived: torch.cuda.Event | None = None
        if mean.is_cuda:
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            self._arrived.record(torch.cuda.current_stream(mean.device))

    def ready(self) -> bool:
        return self._arrived is None or bool(self._arrived.query())  # type: ignore[no-untyped-call]  # as above

    def result(self) -> Sequence[ClipEmbedding]:
        if self._arrived is not None:
            self._arrived.synchronize()
        pairs = zip(self._mean.numpy(), self._temporal.numpy(), strict=True)
        return [ClipEmbedding(mean, temporal) for mean, temporal in pairs]


class DeviceFrameStore:
    """A ``FrameStore`` on the device of a ``WindowGraph``; it doubles when all slots are taken."""

    def __init__(
        self,
        graph: nn.Module,
        device: torch.device,
        frames: int,
        encoder_px: int,
        halving: AdaptiveBatch,
        clock: DeviceClock,
    ) -> None:
        """Begin with room for twice ``frames`` frames: a window, and what comes while it is waited for.

        ``halving`` says how many windows are computed at a time, and counts when the memory was full; ``clock`` adds up
        how long the device works on them.
        """
        self._graph: Final = graph
        self._device: Final = device
        self._frames: Final = frames
        self._encoder_px: Final = encoder_px
        self._halving: Final = halving
        self._clock: Final = clock
        self._pinned: Final = device.type == "cuda"
        self._stored = torch.empty((2 * frames, encoder_px, encoder_px, 3), dtype=torch.uint8, device=device)
        self._free = list(range(len(self._stored)))

    def put(self, frame: UInt8) -> int:
        check_frame(frame, self._encoder_px)
        if not self._free:
            self._double()
        slot = self._free.pop()
        staged = torch.empty(frame.shape, dtype=torch.uint8, pin_memory=self._pinned)
        staged.numpy()[:] = frame
        self._stored[slot].copy_(staged, non_blocking=True)
        return slot

    def drop(self, slot: int) -> None:
        self._free.append(slot)

    def encode(self, windows: Sequence[Sequence[int]]) -> DeviceEncoding:
        check_windows(windows, self._frames)
        with torch.inference_mode(), full_memory_as_memory_error(), self._clock.running():
            mean, temporal = zip(*self._halving.run(windows, self._computed), strict=True)
            return DeviceEncoding(torch.stack(mean), torch.stack(temporal))

    def _computed(self, windows: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        """(D,) and (T/2, D) float32 of each window, on the device."""
        slots = torch.tensor(windows, pin_memory=self._pinned).to(self._device, non_blocking=True)
        mean, temporal = self._graph(self._stored[slots])
        return list(zip(mean, temporal, strict=True))

    def _double(self) -> None:
        taken = len(self._stored)
        with full_memory_as_memory_error():
            self._stored = torch.cat([self._stored, torch.empty_like(self._stored)])
        self._free = list(range(taken, 2 * taken))


def _fetched(tensor: Tensor) -> Tensor:
    """The tensor in the host's memory, once all that the device was asked to do until now is done."""
    if not tensor.is_cuda:
        return tensor
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
