"""The options of the video that ``rectify`` writes."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

from stream.commands.option import own_option
from stream.commands.values import VIDEO_CODEC, Choice, Real, Whole
from stream.errors import UsageError
from stream.records.schema.options import LONGEST_SOURCE_S

if TYPE_CHECKING:
    from stream.video.writer import Codec

T = TypeVar("T")

_PRESETS: Final = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VideoChoice:
    """What the user wants of the video."""

    codec: "Codec"
    crf: float
    preset: str
    gop_s: float
    """Longest time from one keyframe to the next, seconds."""
    t_from_s: float
    t_to_s: float | None
    """Its part of the clip, seconds; None for the clip's end."""
    longest_px: int | None
    """None for the clip's own size."""


_OPTIONS: Final = (
    own_option("--codec", type=VIDEO_CODEC, default="h264", show_default=True, help="Video codec."),
    own_option(
        "--crf", type=Real(0.0, 51.0), default=21.0, show_default=True, help="Constant rate factor: lower is better."
    ),
    own_option(
        "--preset",
        type=Choice(_PRESETS),
        default="superfast",
        show_default=True,
        metavar="PRESET",
        help="Encoder preset, from ultrafast to placebo: slower ones make smaller files.",
    ),
    own_option(
        "--gop",
        "gop_s",
        type=Real(0.0, 3600.0),
        default=0.5,
        show_default=True,
        help="Longest time from one keyframe to the next, in seconds; 0 makes every frame one.",
    ),
    own_option(
        "--from",
        "t_from_s",
        type=Real(0.0, LONGEST_SOURCE_S),
        default=0.0,
        show_default=True,
        help="Begin at the first frame at or after this time, in seconds.",
    ),
    own_option(
        "--to",
        "t_to_s",
        type=Real(0.0, LONGEST_SOURCE_S),
        show_default="the end",
        help="End before the frame at this time, in seconds.",
    ),
    own_option(
        "--longest-px",
        type=Whole(32, 16384),
        show_default="the clip's own",
        help="Longest side of the video, in pixels.",
    ),
)


def video_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the options of a rectified video; it takes them as ``video``."""

    @wraps(command)
    def with_options(**arguments: Any) -> T:  # noqa: ANN401 - click's values
        video = VideoChoice(**{each.name: arguments.pop(each.name) for each in fields(VideoChoice)})
        if video.t_to_s is not None and video.t_to_s <= video.t_from_s:
            raise UsageError(f"--to {video.t_to_s:g}: must be above --from {video.t_from_s:g}")
        return command(video=video, **arguments)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
