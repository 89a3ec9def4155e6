"""A frame store in the memory of the compute device: each frame is uploaded once, as bytes; windows are gathered there.

On CUDA nothing here waits for the device: frames and slots are uploaded from pinned memory, results are copied back
into it, and an event signals their arrival. All work is on one CUDA stream, so a slot may be refilled while a window
that uses it is still being encoded. On the CPU the same code runs synchronously. Not tested on CUDA yet.
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
    """A batch in progress, whose results are being copied to the host."""

    def __init__(self, mean: Tensor, temporal: Tensor) -> None:
        """Copy (B, D) float32 and (B, T/2, D) float32 to the host; the second is converted to float16."""
        self._mean = _to_host(mean)
        self._temporal = _to_host(temporal.half())
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
    """A ``FrameStore`` on the device of a ``WindowGraph``; its capacity doubles when all slots are taken."""

    def __init__(
        self,
        graph: nn.Module,
        device: torch.device,
        frames: int,
        encoder_px: int,
        batch: AdaptiveBatch,
        clock: DeviceClock,
    ) -> None:
        """Start with room for ``2 * frames`` frames: one window, and the frames that arrive while it is encoded.

        ``batch`` sets how many windows are encoded at a time and counts when the memory was full; ``clock`` measures
        how long the device works on them.
        """
        self._graph: Final = graph
        self._device: Final = device
        self._frames: Final = frames
        self._encoder_px: Final = encoder_px
        self._batch: Final = batch
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
            mean, temporal = zip(*self._batch.run(windows, self._encode_batch), strict=True)
            return DeviceEncoding(torch.stack(mean), torch.stack(temporal))

    def _encode_batch(self, windows: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        """(D,) and (T/2, D) float32 for each window, on the device."""
        slots = torch.tensor(windows, pin_memory=self._pinned).to(self._device, non_blocking=True)
        mean, temporal = self._graph(self._stored[slots])
        return list(zip(mean, temporal, strict=True))

    def _double(self) -> None:
        taken = len(self._stored)
        with full_memory_as_memory_error():
            self._stored = torch.cat([self._stored, torch.empty_like(self._stored)])
        self._free = list(range(taken, 2 * taken))


def _to_host(tensor: Tensor) -> Tensor:
    """The tensor in host memory; on CUDA it is valid only after the work queued so far is complete."""
    if not tensor.is_cuda:
        return tensor
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
