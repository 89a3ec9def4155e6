"""A clip's container: which of its streams is the video, and the facts about it that the record keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

from stream.errors import NoVideoError, SourceError
from stream.sources.live.byte_streams import ForwardOnlyFile
from stream.sources.local import File
from stream.sources.not_video import not_video
from stream.sources.signatures import DEMUXERS
from stream.sources.source import Source
from stream.video.facts import StreamFacts
from stream.video.picture import MAX_BITS, MAX_PIXELS, MAX_SIDE_PX, bit_depth, upright_deg, upright_size

if TYPE_CHECKING:
    import av
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer

_FORMATS = ",".join(DEMUXERS)

_SANE_RATES_FPS = (1e-3, 1e3)
_LONGEST_S = 366 * 86400.0
"""A header that claims more than this is broken."""

_READ_CHUNK_BYTES = 256 * 1024


def read_facts(source: Source) -> StreamFacts:
    """The facts about the clip's video stream, from its header and its first picture.

    Raises:
        SourceError: not a video, no video stream in it, a codec without a decoder, a picture or samples beyond all
            bounds, or not one picture that can be decoded.
    """
    with open_stream(source) as (container, stream):
        picture = _first_picture(container, stream)
        if picture is None and source.is_live and "mov" in container.format.name:
            raise SourceError(
                f"{source.name} is an MP4 with its index at the end, and a stream cannot be read backwards: name the "
                "file instead, or write it with its index at the front (ffmpeg: -movflags +faststart)"
            )
        if picture is None:
            raise SourceError(
                f"{source.name} contains no picture that can be decoded ({stream.codec_context.name} video; "
                f"at most {MAX_SIDE_PX} pixels a side and {MAX_PIXELS} in all can be)"
            )
        _require_sane_depth(picture, source)
        display_width_px, display_height_px = upright_size(picture)
        return StreamFacts(
            codec=stream.codec_context.name,
            width_px=picture.width,
            height_px=picture.height,
            rotation_deg=-upright_deg(picture) % 360,
            display_width_px=display_width_px,
            display_height_px=display_height_px,
            fps=_rate_fps(stream),
            time_base=str(stream.time_base),
            pixel_format=picture.format.name,
            bit_depth=bit_depth(picture),
            start_pts=stream.start_time,
            declared_s=_declared_s(container, stream),
            declared_frames=stream.frames or None,
        )


@contextmanager
def open_stream(source: Source, hwaccel: "HWAccel | None" = None) -> Iterator["tuple[InputContainer, av.VideoStream]"]:
    """The clip's container and its video stream; both are closed at the end. ``hwaccel`` decodes on a device.

    Raises:
        SourceError: as ``read_facts``, except that no picture needs to be decodable.
    """
    with _open_container(source, hwaccel) as container:
        stream = _choose(container, source)
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        yield container, stream


@contextmanager
def _open_container(source: Source, hwaccel: "HWAccel | None") -> Iterator["InputContainer"]:
    import av

    _silence_libav()
    decoder_options = {"max_pixels": str(MAX_PIXELS)}  # libav may decode a picture to learn its format
    if (connected := source.connect(decoder_options)) is not None:
        with connected:
            yield connected
        return
    with source.open() as file:
        try:
            container = av.open(
                file,
                "r",
                container_options={"format_whitelist": _FORMATS},
                options=decoder_options,
                metadata_errors="replace",
                buffer_size=_READ_CHUNK_BYTES,
                hwaccel=hwaccel,
            )
        except (av.FFmpegError, OSError) as error:
            raise not_video(source.name, file, error.strerror or str(error)) from error
        if isinstance(file, ForwardOnlyFile):
            file.is_recognised = True
        with container:
            yield container


def _silence_libav() -> None:
    """Return PyAV to its default, in which libav's messages are dropped.

    With a log level, libav's threads wait for Python's lock to log an error, while the thread that frees their decoder
    holds that lock and waits for them: a deadlock. Importing torchvision 0.22 sets one.
    """
    import av

    av.logging.set_level(None)


def holds_video(file: File, offset: int, size_bytes: int) -> bool:
    """Whether the container in a part of a file has a video stream; True as well if it is damaged.

    One that cannot be opened, or has no stream at all, is damaged: opening it as a clip reports that.
    """
    import av

    try:
        with (
            file.open(offset, size_bytes) as opened,
            av.open(opened, "r", container_options={"format_whitelist": _FORMATS}, metadata_errors="replace") as found,
        ):
            return bool(_moving(found)) or not found.streams
    except (av.FFmpegError, OSError):
        return True


def first_picture(source: Source, hwaccel: "HWAccel | None" = None) -> "av.VideoFrame | None":
    """The clip's first picture, in the host's memory; None if none can be decoded.

    Raises:
        SourceError: as ``open_stream``.
    """
    with open_stream(source, hwaccel) as (container, stream):
        return _first_picture(container, stream)


def demuxed(container: "InputContainer", stream: "av.VideoStream") -> Iterator["av.Packet[av.VideoStream]"]:
    """The packets of one stream, in the order of the file.

    At the end PyAV 18.1 looks beyond its own list of streams if there have become more of them on the way, as there may
    in a transport stream: the error that it may raise then is the end.
    """
    try:
        yield from container.demux(stream)
    except IndexError:
        return


def _choose(container: "InputContainer", source: Source) -> "av.VideoStream":
    """The stream marked as default, then the largest, then the first."""
    from av.stream import Disposition

    moving = _moving(container)
    if not moving and not container.streams:
        raise SourceError(f"{source.name} has no stream at all")
    if not moving:
        kinds = ", ".join(sorted({stream.type for stream in container.streams}))
        raise NoVideoError(f"{source.name} has no video stream, only: {kinds}")
    known = [stream for stream in moving if stream.codec_context is not None]  # None: libav has no decoder for it
    if not known:
        raise SourceError(f"{source.name} has video of a codec that cannot be decoded: H.265 is what is expected")
    best = max(known, key=lambda stream: (bool(stream.disposition & Disposition.default), stream.width * stream.height))
    _require_sane_size(best, source)
    return best


def _moving(container: "InputContainer") -> "list[av.VideoStream]":
    """The video streams; cover pictures and thumbnails do not count."""
    from av.stream import Disposition

    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not stream.disposition & stills]


def _require_sane_size(stream: "av.VideoStream", source: Source) -> None:
    width, height = stream.width, stream.height
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise SourceError(
            f"{source.name} claims pictures of {width}x{height} pixels: "
            f"at most {MAX_SIDE_PX} a side and {MAX_PIXELS} in all can be read"
        )


def _require_sane_depth(picture: "av.VideoFrame", source: Source) -> None:
    bits = bit_depth(picture)
    if bits > MAX_BITS:
        raise SourceError(
            f"{source.name} has samples of {bits} bits ({picture.format.name}): at most {MAX_BITS} can be read"
        )


def _rate_fps(stream: "av.VideoStream") -> float | None:
    slowest, fastest = _SANE_RATES_FPS
    rate = float(stream.guessed_rate or 0)
    return rate if slowest <= rate <= fastest else None


def _first_picture(container: "InputContainer", stream: "av.VideoStream") -> "av.VideoFrame | None":
    import av

    try:
        for packet in demuxed(container, stream):
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                continue  # decoding proper reports it, with its time
            if pictures:
                return pictures[0]
    except (av.FFmpegError, OSError):
        return None
    return None


def _declared_s(container: "InputContainer", stream: "av.VideoStream") -> float | None:
    import av

    if stream.duration is not None and stream.time_base is not None:
        declared_s = float(stream.duration * stream.time_base)
    else:
        declared_s = float((container.duration or 0) * Fraction(1, av.time_base))
    return declared_s if 0.0 < declared_s <= _LONGEST_S else None
