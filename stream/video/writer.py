"""Writing a video: H.265 or H.264 in MP4, with given times and color tags."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, cast

import av

from stream.errors import UsageError
from stream.video.scheduling import unchanged_scheduling

Codec: TypeAlias = Literal["hevc", "h264", "av1"]

_ENCODERS = {"hevc": "libx265", "h264": "libx264", "av1": "libsvtav1"}
_PLAYED_EVERYWHERE = {"hevc": "hvc1", "h264": "avc1", "av1": "av01"}
"""Tags of the MP4 sample entry; Apple's players refuse the other one of H.265, ``hev1``."""
_QUIET = "log-level=none"
"""x265 writes to standard error by itself."""
_SVT_PRESETS = {
    "ultrafast": 12, "superfast": 11, "veryfast": 10, "faster": 9, "fast": 8, "medium": 6, "slow": 5, "slower": 4,
    "veryslow": 3, "placebo": 1,
}  # fmt: skip
"""SVT-AV1 numbers its presets; the names are those of x264 and x265, by speed."""
_LEAST_HEVC_PX = 32
"""With lower pictures x265 4.2 writes beyond its own memory, unless their width is a multiple of its coding unit's."""
_WITHOUT_DTS = 2
"""x265 4.2 leaves the DTS unset in a video of one or two pictures that may have B-frames."""
_RGB, _BT601 = 0, 6
_FULL_RANGE = 2


@dataclass(frozen=True, slots=True)
class Coding:
    """Compression settings of a video."""

    codec: Codec = "hevc"
    crf: float = 20.0
    """Constant rate factor: 0 is lossless or nearly so, 51 the worst."""
    preset: str = "fast"
    gop: int | None = None
    """Largest number of frames from one keyframe to the next, across which no frame refers; None: the encoder's."""
    b_frames: bool = True
    """Whether frames may refer to later ones; readers that seek by index are faster and safer without."""
    reproducible: bool = False
    """Whether one thread encodes, so that every machine writes the same bytes."""

    @property
    def encoder_options(self) -> dict[str, str]:
        """The options of the encoder, as libav takes them."""
        options = {"crf": f"{self.crf:g}", "preset": self.preset}
        if self.gop is not None:
            options["g"] = str(self.gop)
        if self.codec == "av1":
            lookahead = "" if self.b_frames else ":pred-struct=1"
            threads = ":lp=1" if self.reproducible else ""
            return {**options, "preset": str(_SVT_PRESETS[self.preset]), "svtav1-params": f"rc=0{lookahead}{threads}"}
        if not self.b_frames:
            options["bf"] = "0"
        if self.codec == "h264":
            return {**options, "threads": "1"} if self.reproducible else options
        closed = "" if self.gop is None else ":no-open-gop=1"
        threads = ":pools=none:frame-threads=1" if self.reproducible else ""
        return {**options, "x265-params": f"{_QUIET}{closed}{threads}"}


class Tags(NamedTuple):
    """Colour tags of a video, by the numbers of ITU-T H.273, which libav uses."""

    colorspace: int
    color_range: int
    color_primaries: int
    color_trc: int


def tags_of(frame: av.VideoFrame) -> Tags:
    """The tags of a frame after conversion to ``yuv420p``: its own; unspecified ones stay unspecified.

    Two exceptions: RGB becomes BT.601, and the range of the ``yuvj`` formats is full by their name.
    """
    matrix = _BT601 if frame.colorspace == _RGB else int(frame.colorspace)
    full = frame.format.name.startswith("yuvj")
    color_range = _FULL_RANGE if full else int(frame.color_range)
    return Tags(matrix, color_range, int(frame.color_primaries), int(frame.color_trc))


class VideoWriter:
    """Frames in, an MP4 out."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        coding: Coding,
        size: tuple[int, int],
        tags: Tags,
        timing: "VideoTiming",
    ) -> None:
        self._container = container
        self._stream = cast("av.VideoStream", container.add_stream(_ENCODERS[coding.codec], rate=timing.rate))
        self._tick = timing.tick
        self._tags = tags
        self._next_pts = self._frames = 0
        context = self._stream.codec_context
        if coding.codec == "hevc" and min(size) < _LEAST_HEVC_PX:
            raise _refused(coding, size)
        context.width, context.height = size
        context.pix_fmt = "yuv420p"
        context.codec_tag = _PLAYED_EVERYWHERE[coding.codec]
        context.time_base = self._stream.time_base = timing.tick
        for name, value in tags._asdict().items():
            setattr(context, name, value)
        context.options = coding.encoder_options
        if coding.codec == "av1":
            os.environ.setdefault("SVT_LOG", "1")  # errors alone: it writes to standard error by itself
        try:
            with unchanged_scheduling():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            raise _refused(coding, size) from error

    def add(self, frame: av.VideoFrame, t_s: float) -> None:
        """Append a frame that is shown at ``t_s``; times grow, and start at 0."""
        frame.pts = max(self._next_pts, round(t_s / self._tick))
        frame.time_base = self._tick
        self._next_pts = frame.pts + 1
        self._frames += 1
        for name, value in self._tags._asdict().items():
            setattr(frame, name, value)
        self._container.mux(self._stream.encode(frame))

    def flush(self) -> None:
        """Write the frames that the encoder still holds."""
        packets = self._stream.encode()
        if self._frames <= _WITHOUT_DTS and self._stream.codec_context.name == "libx265":
            for packet in packets:
                packet.dts = packet.pts  # of so few, none is reordered
        self._container.mux(packets)


def _refused(coding: Coding, size: tuple[int, int]) -> UsageError:
    return UsageError(
        f"{_ENCODERS[coding.codec]} does not take pictures of {size[0]}x{size[1]} with preset {coding.preset} "
        f"and crf {coding.crf:g}: choose others, or another --codec"
    )


class VideoTiming(NamedTuple):
    """The time base of a video."""

    tick: Fraction
    """Seconds a tick of the PTS."""
    rate: Fraction
    """Nominal frames a second: for the encoder's rate control, and no frame's time."""


@contextmanager
def video_writer(
    path: Path, coding: Coding, size: tuple[int, int], tags: Tags, timing: VideoTiming, comment: str = ""
) -> Iterator[VideoWriter]:
    """A writer to ``path``, regardless of its extension; the file is complete when the block ends.

    Args:
        path: The file to write.
        coding: Codec, quality, preset.
        size: Width and height, pixels, even.
        tags: Of the pixels.
        timing: MP4 counts in a multiple of its tick, so that every PTS is kept.
        comment: What the file says about itself, if anything.

    Raises:
        UsageError: the encoder does not take such pictures, or has no such preset.
        OSError: the file cannot be written.
    """
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        if comment:
            container.metadata["comment"] = comment
        writer = VideoWriter(container, coding, size, tags, timing)
        yield writer
        writer.flush()
