"""Clips for the benchmarks: a rendered piece, extended by repeating its packets."""

import math
from pathlib import Path

import av

from stream.demo.render import render_demo

SIZES = {"456x256": (456, 256), "1080p": (1920, 1080)}
"""Width and height in pixels, as in the data sets."""
_PIECE_S = {"456x256": 10, "1080p": 4}
"""Length of the rendered piece in seconds; a longer clip repeats it. Rendering a 1080p frame takes 0.1 s."""


def repeat_clip(clip: Path, path: Path, times: int) -> None:
    """Copy the packets of ``clip`` to ``path`` ``times`` times in a row, without encoding them again.

    Raises:
        ValueError: the clip has no duration in its header.
    """
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        if stream.duration is None:
            raise ValueError(f"{clip} has no duration in its header and cannot be repeated")
        copy = target.add_stream_from_template(stream)
        for turn in range(times):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts += turn * stream.duration
                packet.dts += turn * stream.duration
                packet.stream = copy
                target.mux(packet)


def bench_clip(folder: Path, size: str, seconds: float) -> Path:
    """Render the demo scene at 30 fps, with its calibration, as a clip of at least ``seconds``.

    Args:
        folder: the destination.
        size: a key of ``SIZES``.
        seconds: the length; beyond a few seconds it is rounded up to whole repetitions.
    """
    piece_s = min(seconds, _PIECE_S[size])
    piece, clip = folder / "piece.mp4", folder / f"bench_{size}.mp4"
    render_demo(piece, seconds=piece_s, size=SIZES[size])
    repeat_clip(piece, clip, math.ceil(seconds / piece_s))
    return clip
