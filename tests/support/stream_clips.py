"""One clip in every container that can be streamed."""

from pathlib import Path

import av

from tests.support.clips import make_clip, remux


def make_stream_clips(folder: Path) -> dict[str, Path]:
    """A clip of four seconds at 30 fps as ``ts``, ``mkv``, ``h265`` and fragmented ``mp4``, by ending."""
    whole = make_clip(folder / "whole.mp4", frames=120, key_every=15, x265="repeat-headers=1")
    clips = {ending: remux(whole, folder / f"clip.{ending}") for ending in ("ts", "mkv")}
    clips["h265"] = make_clip(folder / "clip.h265", frames=120, key_every=15, x265="repeat-headers=1")
    clips["mp4"] = _fragmented(whole, folder / "clip.mp4")
    return clips


def _fragmented(clip: Path, path: Path) -> Path:
    """The clip as fragmented MP4, which needs no index."""
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(clip)) as container, av.open(str(path), "w", options=options) as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    return path
