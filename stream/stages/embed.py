"""The stage that embeds windows of rectified frames, one window every stride."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from models.encoders.encoder import ClipEncoder, Encoding
from models.memory import vram
from stream.pipeline.facts import SourceGap, SourceLost, StreamOverload
from stream.pipeline.items import Embedding, EncoderFrame, End, Item
from stream.pipeline.stage import Stage, StageFacts, State
from stream.pipeline.state import take
from stream.stages.sampler import FrameSampler, PendingWindow
from stream.video.sampling import PUBLISHED, Sampling

POLL_S: Final = 0.05
UNDER_WAY_MAX: Final = 2
"""Batches that the encoder may have while frames come in; a third one waits."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Windows that the encoder works on."""

    encoding: Encoding
    windows: Sequence[PendingWindow]
    first_index: int
    """Index of the first window's embedding."""


class Embed(Stage):
    """Collects complete windows, has the encoder embed them in batches, and passes on other items in order.

    A batch is full with the last of ``batch`` windows in a row, counted from the stream's beginning, and is sent then;
    earlier if ``max_latency_s`` of stream time have passed since its oldest window was complete, and at the end. So the
    batches depend on the clip and the options alone, and a resumed run has the same ones.

    The encoder works while frames come in. Items that follow a batch wait for it, so that the order of items does not
    depend on the encoder's speed.

    A window of a live source whose newest frame arrived more than ``max_lag_s`` ago is skipped, so the encoder is never
    further behind. ``clock`` is the clock of ``EncoderFrame.arrived_at``. No window spans a gap.
    """

    name = "embed"

    def __init__(
        self,
        encoder: ClipEncoder,
        stride_s: float,
        *,
        rate_fps: float = PUBLISHED.rate_fps,
        batch: int = 1,
        max_latency_s: float | None = None,
        max_lag_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """``close`` releases the encoder."""
        self._encoder = encoder
        self._sampling = Sampling(encoder.frames, rate_fps)
        self._store = encoder.frame_store()
        self._sampler = FrameSampler(self._sampling, stride_s, self._store)
        self._stride_s = stride_s
        self._max_lag_s = max_lag_s
        self._clock = clock
        self._close = close
        self._batch = batch
        self._max_latency_s = math.inf if max_latency_s is None else max_latency_s
        self._ready: list[PendingWindow] = []
        """Windows that wait for their batch."""
        self._sent = 0
        """Windows sent to the encoder."""
        self._out: deque[Item | _Batch] = deque()
        self._polled_at = -math.inf

    def on_item(self, item: Item) -> Iterator[Item]:
        match item:
            case EncoderFrame():
                self._take(item)
            case SourceLost() | SourceGap():
                self._interrupt(item)
                self._out.append(item)
            case _:
                self._out.append(item)
        return self._finished(0 if isinstance(item, End) else UNDER_WAY_MAX)

    def on_end(self) -> Iterator[Item]:
        """Send the last batch; an incomplete window is not encoded, since its embedding would not be comparable."""
        self._send()
        self._sampler.clear(self._sampler.next_number)
        return self._finished(0)

    def notify_at(self) -> float | None:
        """The encoder cannot call back, so it is polled while a batch is under way."""
        return self._polled_at + POLL_S if self._out else None

    def on_notify(self, now_s: float) -> Iterator[Item]:
        """Return the embeddings that are finished, even while no frame comes in."""
        self._polled_at = now_s
        return self._finished(UNDER_WAY_MAX)

    def facts(self) -> StageFacts:
        """Facts about the encoder, its memory, and the sampling of frames."""
        return {"encoder": {**self._encoder.facts(), **vram.facts()}, "windows": self._sampler.facts()}

    def snapshot(self) -> State:
        """The state without the windows whose embeddings were not returned yet."""
        under_way = next((item for item in self._out if isinstance(item, _Batch)), None)
        waiting = under_way.windows if under_way else self._ready
        return {
            "next": waiting[0].number if waiting else self._sampler.next_number,
            "encoded": under_way.first_index if under_way else self._sent,
            "replay_from_s": waiting[0].first_s if waiting else self._sampler.needed_from_s,
        }

    def restore(self, state: State) -> None:
        self._sampler.clear(take(state, "next", int))
        self._sent = take(state, "encoded", int)
        self._ready.clear()
        self._out.clear()

    def close(self) -> None:
        """Release the encoder."""
        self._close()

    def _take(self, frame: EncoderFrame) -> None:
        for window in self._sampler.add(frame):
            if window.whole and self._is_late(frame):
                self._out.append(self._skipped(window.number))
            elif window.whole:
                self._ready.append(window)
            if (window.number + 1) % self._batch == 0:
                self._send()
        if self._ready and frame.t_s - self._ready[0].frames[-1].t_s >= self._max_latency_s:
            self._send()

    def _is_late(self, frame: EncoderFrame) -> bool:
        return frame.arrived_at is not None and self._clock() - frame.arrived_at > self._max_lag_s

    def _skipped(self, number: int) -> StreamOverload:
        start_s = number * self._stride_s
        return StreamOverload(start_s, start_s + self._stride_s, "the encoder is too slow", 1, 0)

    def _interrupt(self, item: SourceLost | SourceGap) -> None:
        """Send the complete windows, and drop the others, which will never be complete."""
        self._send()
        first = self._sampler.next_number
        if isinstance(item, SourceGap):
            first = max(first, math.floor(item.t_end_s / self._stride_s + 0.5))
        self._sampler.clear(first)

    def _send(self) -> None:
        """Send the complete windows to the encoder."""
        if self._ready:
            encoding = self._store.encode([[frame.slot for frame in window.frames] for window in self._ready])
            self._out.append(_Batch(encoding, tuple(self._ready), self._sent))
            self._sent += len(self._ready)
            self._ready.clear()
        self._sampler.forget()

    def _finished(self, under_way_max: int) -> Iterator[Item]:
        """Yield the items that are done; wait while the encoder has more batches than ``under_way_max``."""
        while self._out:
            head = self._out[0]
            under_way = sum(isinstance(item, _Batch) for item in self._out)
            if isinstance(head, _Batch) and under_way <= under_way_max and not head.encoding.ready():
                return
            self._out.popleft()
            if isinstance(head, _Batch):
                yield from self._embeddings(head)
            else:
                yield head

    def _embeddings(self, batch: _Batch) -> Iterator[Embedding]:
        for number, (window, embedding) in enumerate(zip(batch.windows, batch.encoding.result(), strict=True)):
            t_sample_s = self._sampling.sample_s(window.first_s, window.t_end_s)
            yield Embedding(batch.first_index + number, t_sample_s, window.t_end_s, embedding.mean, embedding.temporal)
