"""Clips whose pictures change in mid-stream: their size, depth, format, colour or orientation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import av
from av.packet import PacketSideData, PktSideDataT

from tests.support.clips import make_clip

REPEATED = "repeat-headers=1"
"""Parameter sets before each key picture, so that a stream may change there in any container."""


def part(path: Path, *, width_px: int = 160, height_px: int = 96, frames: int = 20, **properties: Any) -> Path:  # noqa: ANN401
    """A short clip, two thirds of a second long, to be joined with others."""
    settings: dict[str, Any] = {"b_frames": 2, "x265": REPEATED, **properties}
    return make_clip(path, width_px=width_px, height_px=height_px, frames=frames, **settings)


def joined(path: Path, clips: Sequence[Path]) -> Path:
    """The packets of all clips in one video stream, one clip after the other, in the container of the ending.

    MP4 gets one sample description for each clip, as a muxer writes it when the codec parameters change.
    """
    options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as output:
        stream, start = None, 0
        for clip in clips:
            with av.open(str(clip)) as container:
                template, end = container.streams.video[0], start
                stream = stream or output.add_stream_from_template(template)
                for number, packet in enumerate(packet for packet in container.demux(template) if packet.size):
                    if path.suffix == ".mp4" and number == 0 and start:
                        _describe(packet, template.codec_context.extradata or b"")
                    end = max(end, start + (packet.pts or 0) + (packet.duration or 0))
                    packet.pts, packet.dts = start + (packet.pts or 0), start + (packet.dts or 0)
                    packet.stream = stream
                    output.mux(packet)
                start = end
    return path


def _describe(packet: "av.Packet[av.VideoStream]", extradata: bytes) -> None:
    """Put new codec parameters on a packet."""
    new = PacketSideData(get_args(PktSideDataT).index("new_extradata"), len(extradata))  # type: ignore[call-arg]
    new.update(extradata)
    packet.set_sidedata(new)
