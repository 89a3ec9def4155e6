"""Small real clips, made by libx265 in some ten milliseconds, ways to damage them, and what decoding makes of them."""

import hashlib
import random
import tarfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import End, Item, Packet, Picture, SourceEvent, UInt8
from stream.pipeline.stage import drive
from stream.sources.discover import list_clips
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.packets import packets
from tests.support.encoded_once import encoded_once

_X265 = "log-level=none:pools=none:frame-threads=1:scenecut=0:open-gop=0"
_TICK = Fraction(1, 90_000)


def clips_named(specs: Sequence[str], *, download: bool = False) -> list[str]:
    """The clips that words on a command line name."""
    return [named.spec for named in list_clips(specs, download=download).clips]


def texture(frames: int, width_px: int, height_px: int, seed: int = 0) -> list[UInt8]:
    """(height, width, 3) uint8 RGB pictures of blocks that move two pixels a frame."""
    blocks = np.random.default_rng(seed).integers(0, 255, (height_px // 8 + 1, width_px // 8 + 9, 3), np.uint8)
    wide = blocks.repeat(8, axis=0).repeat(8, axis=1)[:height_px]
    return [np.ascontiguousarray(wide[:, 2 * number % 64 :][:, :width_px]) for number in range(frames)]


@encoded_once
def make_clip(  # noqa: PLR0913  # each argument is one property of a clip, given by its name
    path: Path,
    *,
    width_px: int = 128,
    height_px: int = 96,
    frames: int = 30,
    fps: int = 30,
    times_s: Sequence[float] | None = None,
    start_s: float = 0.0,
    rotation_deg: int = 0,
    pixel_format: str = "yuv420p",
    b_frames: int = 0,
    key_every: int = 10,
    pictures: Sequence[UInt8] | None = None,
    x265: str = "",
) -> Path:
    """Write a moving texture as HEVC; the container is the one that the ending of ``path`` says.

    ``times_s`` are the frames' times (default: ``fps``); all are moved by ``start_s``. ``rotation_deg`` is how far a
    viewer turns the picture, clockwise. ``pictures`` are (height, width, 3) uint8, RGB, instead of the texture.
    ``x265`` is added to the encoder's parameters. MP4 has its index first, so that it can be cut off and be opened.
    """
    rgb = texture(frames, width_px, height_px) if pictures is None else pictures
    height_px, width_px = rgb[0].shape[:2]
    with av.open(str(path), "w", options=_muxer_options(path)) as container:
        stream = container.add_stream("libx265", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, pixel_format
        parameters = f"{_X265}:bframes={b_frames}:keyint={key_every}:min-keyint={key_every}:{x265}".rstrip(":")
        stream.options = {"preset": "ultrafast", "crf": "28", "x265-params": parameters}
        stream.codec_context.time_base = _TICK
        if rotation_deg:
            stream.set_display_rotation(-rotation_deg)
        for number, picture in enumerate(rgb):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round((start_s + (number / fps if times_s is None else times_s[number])) / _TICK)
            frame.time_base = _TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@encoded_once
def make_with(path: Path, container: str, codec: str, *, frames: int = 12) -> Path:
    """Write a moving texture with any muxer and encoder of libav, regardless of the extension of ``path``."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.width, stream.height, stream.pix_fmt = 128, 96, pixels
        if codec in ("libx264", "libx265"):
            stream.options = {"preset": "ultrafast", **({"x265-params": _X265} if codec == "libx265" else {})}
        for picture in texture(frames, stream.width, stream.height):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)))
        output.mux(stream.encode())
    return path


def make_audio(path: Path, container: str | None = None) -> Path:
    """Write a tenth of a second of silence, and no video."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream("aac", rate=48_000)
        for number in range(5):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.pts, frame.sample_rate = number * 1024, 48_000
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def remux(clip: Path, path: Path, *, without: Collection[int] = ()) -> Path:
    """Copy the packets of ``clip``, in order of decoding, but for those numbered in ``without``."""
    with av.open(str(clip)) as container, av.open(str(path), "w", options=_muxer_options(path)) as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for number, packet in enumerate(container.demux(container.streams.video[0])):
            if packet.size and number not in without:
                packet.stream = stream
                output.mux(packet)
    return path


def join_streams(clips: Sequence[Path], path: Path, *, default: int | None) -> Path:
    """Put the video streams of ``clips`` side by side into one container; number ``default`` is marked as such."""
    with av.open(str(path), "w") as output:
        inputs = [av.open(str(clip)) for clip in clips]
        streams = [output.add_stream_from_template(each.streams.video[0]) for each in inputs]
        for number, stream in enumerate(streams):
            stream.disposition = Disposition.default if number == default else Disposition(0)
        for each, stream in zip(inputs, streams, strict=True):
            for packet in each.demux(each.streams.video[0]):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
            each.close()
    return path


def cut(clip: Path, path: Path, part: float) -> Path:
    """Keep the first ``part`` of the file's bytes."""
    data = clip.read_bytes()
    path.write_bytes(data[: round(len(data) * part)])
    return path


def flip_bits(clip: Path, path: Path, *, flips: int, seed: int, first_byte: int = 0) -> Path:
    """Flip bits of the file from ``first_byte`` on, at random places that ``seed`` decides."""
    data, chance = bytearray(clip.read_bytes()), random.Random(seed)
    for _ in range(flips):
        data[chance.randrange(first_byte, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return path


def into_tar(path: Path, *members: Path) -> Path:
    """Put files into a new tar, under their own names."""
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.add(member, member.name)
    return path


@dataclass(frozen=True)
class ShownPicture:
    """A picture without its buffer: a long clip's would fill the memory."""

    index: int
    t_s: float
    duration_s: float
    digest: str
    """MD5 of its planes."""


@dataclass
class Decoded:
    """All that came out of a clip, in order."""

    items: list[ShownPicture | SourceDamaged] = field(default_factory=list)
    end: End = field(default_factory=lambda: End("stopped", 0.0, 0))

    @property
    def pictures(self) -> list[ShownPicture]:
        return [item for item in self.items if isinstance(item, ShownPicture)]

    @property
    def times_s(self) -> list[float]:
        return [picture.t_s for picture in self.pictures]

    @property
    def digests(self) -> list[str]:
        return [picture.digest for picture in self.pictures]

    @property
    def damage(self) -> list[SourceDamaged]:
        return [item for item in self.items if isinstance(item, SourceDamaged)]

    def add(self, items: Iterable[Item]) -> None:
        """Note what a stage gave; only pictures and damage may come out of decoding."""
        for item in items:
            if isinstance(item, Picture):
                digest = hashlib.md5(item.frame.to_ndarray().tobytes(), usedforsecurity=False).hexdigest()
                self.items.append(ShownPicture(item.index, item.t_s, item.duration_s, digest))
            elif isinstance(item, SourceDamaged):
                self.items.append(item)
            else:
                raise TypeError(f"a {type(item).__name__} came out of decoding")


def decode(spec: Path | str, items: Iterable[Packet | SourceEvent] | None = None) -> Decoded:
    """Decode the clip to its end; ``given`` are other packets than its own."""
    source = open_clip(str(spec))
    stage, decoded = Decode(source.name, read_facts(source)), Decoded()
    decoded.add(drive(stage, packets(source) if items is None else items))
    decoded.end = stage.end("end_of_stream")
    return decoded


def repacked(item: Packet, change: Callable[[bytes], bytes]) -> Packet:
    """The packet with other data, and all else the same."""
    original = item.packet
    packet: av.Packet[av.VideoStream] = av.Packet(change(bytes(original)))  # type: ignore[assignment]  # set below
    packet.stream, packet.pts, packet.dts, packet.duration = (
        original.stream,
        original.pts,
        original.dts,
        original.duration,
    )
    packet.time_base, packet.is_keyframe = original.time_base, original.is_keyframe
    return Packet(packet, item.offset_s)


def _muxer_options(path: Path) -> dict[str, str]:
    return {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
