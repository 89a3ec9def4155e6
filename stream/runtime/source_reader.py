"""Reads the source of a run from the position that the decode stage asks for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stream.config import Options
from stream.pipeline.items import End, EndReason, Packet, SourceEvent
from stream.pipeline.source import Barriers
from stream.pipeline.stage import StageFacts
from stream.pipeline.state import replay_from_s
from stream.records.store.checkpoint import SavedCheckpoint

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

    from stream.sources.source import Source
    from stream.stages.decode import Decode


class SourceReader:
    """A ``PacketSource``: a clip, once or in a loop, or a live source."""

    def __init__(
        self,
        options: Options,
        source: "Source",
        decode: "Decode",
        hwaccel: "HWAccel | None",
        checkpoint: SavedCheckpoint | None,
    ) -> None:
        """``decode`` takes the packets: it knows where to resume, and counts them for ``End``."""
        self.realtime = options.input.pace == "realtime"
        self.live = source.is_live
        self.since_s = checkpoint.t_s if checkpoint else 0.0
        self.barriers = Barriers(options.window.stride_s, checkpoint.t_s if checkpoint else None)
        self._replay_from_s = replay_from_s(checkpoint.states) if checkpoint and source.plays_again else None
        self._source = source
        self._loop = options.input.loop
        self._decode = decode
        self._hwaccel = hwaccel

    def packets(self) -> Iterator[Packet | SourceEvent | None]:
        resume = self._decode.resume(self._replay_from_s)
        return self._source.packets(resume, loop=self._loop, hwaccel=self._hwaccel)

    def end(self, reason: EndReason) -> End:
        return self._decode.end(reason)

    def facts(self) -> StageFacts:
        return {"source": {"fetched_bytes": self._source.fetched_bytes}}
