"""A clip in every container, and ways to break it: each a function of the clip and of chance alone."""

import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, TypeAlias

import av


class Form(NamedTuple):
    """A container as libav's muxer writes it."""

    muxer: str
    ending: str
    options: Mapping[str, str] = {}


FORMS: Final = {
    "mp4": Form("mp4", ".mp4", {"movflags": "+faststart"}),
    "mp4-index-last": Form("mp4", ".mp4"),
    "mp4-fragmented": Form("mp4", ".mp4", {"movflags": "+frag_keyframe+empty_moov"}),
    "mkv": Form("matroska", ".mkv"),
    "ts": Form("mpegts", ".ts"),
    "annex-b": Form("hevc", ".hevc"),
}

Mutation: TypeAlias = Callable[[Path, Form, Random], bytes]
"""From a clip's path, its form and chance to the bytes of a broken clip."""

_EXTREMES: Final = (0, 1, 2**31 - 1, 2**31, 2**32 - 1)
_TS_PACKET_BYTES, _TS_HEADER_BYTES = 188, 20
"""ISO/IEC 13818-1: a transport packet, and about what its header, with an adaptation field, takes."""
_PARAMETER_SETS_BYTES: Final = 100
"""About what those of a bare H.265 stream take."""


def cut(clip: Path, _form: Form, chance: Random) -> bytes:
    """The clip's first bytes."""
    data = clip.read_bytes()
    return data[: chance.randrange(1, len(data))]


def flip_structure(clip: Path, form: Form, chance: Random) -> bytes:
    """Up to eight bits flipped in headers and index."""
    return _flipped(clip, structure(clip, form), chance)


def flip_payload(clip: Path, form: Form, chance: Random) -> bytes:
    """Up to eight bits flipped in what codes the pictures."""
    return _flipped(clip, sorted(set(range(clip.stat().st_size)) - set(structure(clip, form))), chance)


def lie(clip: Path, form: Form, chance: Random) -> bytes:
    """One to three numbers of 32 bits in headers and index replaced: counts, durations, sizes, offsets."""
    data, places = bytearray(clip.read_bytes()), structure(clip, form)
    for _ in range(chance.randint(1, 3)):
        place = chance.choice(places)
        data[place : place + 4] = chance.choice(_EXTREMES).to_bytes(4, "big")
    return bytes(data)


def zero(clip: Path, _form: Form, chance: Random) -> bytes:
    """A stretch of zeros, as a disk leaves it that was never told to write."""
    data = bytearray(clip.read_bytes())
    start, length = chance.randrange(len(data)), chance.randrange(1, len(data) // 4)
    data[start : start + length] = bytes(min(length, len(data) - start))
    return bytes(data)


def splice(clip: Path, _form: Form, chance: Random) -> bytes:
    """A stretch taken out, or put in twice."""
    data = clip.read_bytes()
    start, length = chance.randrange(len(data)), chance.randrange(1, len(data) // 4)
    end = start + length
    return data[:start] + data[end:] if chance.random() < 0.5 else data[:end] + data[start:]


def drop(clip: Path, form: Form, chance: Random) -> bytes:
    """Up to a third of the packets left out, the container whole."""
    packets = range(_packets(clip))
    return remux(clip, form, dropped=chance.sample(packets, chance.randint(1, max(1, len(packets) // 3))))


def hole(clip: Path, form: Form, chance: Random) -> bytes:
    """A run of packets left out, up to a key packet, so that no other refers to them; the container whole."""
    with av.open(str(clip)) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    end = chance.choice([number for number, is_key in enumerate(keys) if is_key and number > 1] or [len(keys)])
    return remux(clip, form, dropped=range(chance.randrange(1, end), end))


def shuffle(clip: Path, form: Form, chance: Random) -> bytes:
    """The PTS of up to all packets exchanged, the container whole."""

    def shuffled(pts: list[int]) -> list[int]:
        places = chance.sample(range(len(pts)), chance.randint(2, len(pts)))
        moved = dict(zip(places, sorted(places, key=lambda _: chance.random()), strict=True))
        return [pts[moved.get(place, place)] for place in range(len(pts))]

    return remux(clip, form, times=shuffled)


MUTATIONS: Final[dict[str, Mutation]] = {
    "cut": cut,
    "bits-of-structure": flip_structure,
    "bits-of-pictures": flip_payload,
    "lies": lie,
    "zeros": zero,
    "splice": splice,
    "packets-dropped": drop,
    "hole": hole,
    "times-shuffled": shuffle,
}


def remux(
    clip: Path, form: Form, times: Callable[[list[int]], list[int]] | None = None, dropped: Collection[int] = ()
) -> bytes:
    """The video packets of ``clip`` in a container, but for those numbered in ``dropped``.

    ``times`` makes other PTS of those that there are, in ticks and in the order of decoding; decode times are then
    moved back, so that none comes after its PTS.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made"  # on disk: libav opens it once more to put the index first
        _mux(clip, path, form, times, dropped)
        return path.read_bytes()


def _mux(
    clip: Path, path: Path, form: Form, times: Callable[[list[int]], list[int]] | None, dropped: Collection[int]
) -> None:
    options = dict(form.options)
    with av.open(str(clip)) as source, av.open(str(path), "w", format=form.muxer, options=options) as output:
        packets = [packet for packet in source.demux(source.streams.video[0]) if packet.size]
        stream = output.add_stream_from_template(source.streams.video[0])
        pts = [packet.pts or 0 for packet in packets]
        new_pts, back = (pts, 0) if times is None else (times(pts), max(pts) - min(pts))
        for number, (packet, ticks) in enumerate(zip(packets, new_pts, strict=True)):
            if number not in dropped:
                packet.pts, packet.dts, packet.stream = ticks, (packet.dts or 0) - back, stream
                output.mux(packet)


def structure(clip: Path, form: Form) -> list[int]:
    """Offsets of the bytes that are no picture's: headers, tables, index."""
    size = clip.stat().st_size
    if form.muxer == "mpegts":
        return [at for at in range(size) if at % _TS_PACKET_BYTES < _TS_HEADER_BYTES]
    if form.muxer == "hevc":
        return list(range(min(size, _PARAMETER_SETS_BYTES)))
    with av.open(str(clip)) as container:
        spans = [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]
    coded = {at for start, length in spans for at in range(start, start + length)}
    return [at for at in range(size) if at not in coded]


def _flipped(clip: Path, places: list[int], chance: Random) -> bytes:
    data = bytearray(clip.read_bytes())
    for _ in range(chance.randint(1, 8)):
        data[chance.choice(places)] ^= 1 << chance.randrange(8)
    return bytes(data)


def _packets(clip: Path) -> int:
    with av.open(str(clip)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)
