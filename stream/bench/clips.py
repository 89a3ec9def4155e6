"""Clips for the benchmarks: rendered once, then made longer by repeating their packets."""

from pathlib import Path

import av


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
