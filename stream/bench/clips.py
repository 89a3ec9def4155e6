"""Clips for the benchmarks: rendered once, then made longer by repeating their packets."""

import math
from pathlib import Path

import av

from stream.demo.render import render_demo

SIZES = {"456x256": (456, 256), "1080p": (1920, 1080)}
"""The two that the data sets have, width and height in pixels."""
_PIECE_S = {"456x256": 10, "1080p": 4}
"""What is rendered; a longer clip repeats it. A 1080p frame takes 0.1 s to draw."""


def repeat_clip(clip: Path, path: Path, times: int) -> None:
    """Copy the packets of ``clip`` to ``path`` so that it plays ``times`` times on end, without encoding anew."""
    with av.open(str(clip)) as given, av.open(str(path), "w") as made:
        source = given.streams.video[0]
        if source.duration is None:
            raise ValueError(f"{clip} does not say how long it is: it cannot be repeated")
        target = made.add_stream_from_template(source)
        for turn in range(times):
            given.seek(0)
            for packet in given.demux(source):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts += turn * source.duration
                packet.dts += turn * source.duration
                packet.stream = target
                made.mux(packet)


def bench_clip(folder: Path, size: str, seconds: float) -> Path:
    """Render a clip of the demo's bench at 30 fps, with its calibration, at least ``seconds`` long.

    Args:
        folder: Where it goes.
        size: A key of ``SIZES``.
        seconds: Length; beyond a few seconds it is rounded up to whole repetitions.
    """
    piece_s = min(seconds, _PIECE_S[size])
    piece, clip = folder / "piece.mp4", folder / f"bench_{size}.mp4"
    render_demo(piece, seconds=piece_s, size=SIZES[size])
    repeat_clip(piece, clip, math.ceil(seconds / piece_s))
    return clip
