"""Every constant of reading live sources, once."""

import math
from typing import ClassVar, Final, Literal, TypeAlias

from stream.records.schema.options import (
    LONGEST_SOURCE_S,
    LONGEST_WAIT_S,
    SHORTEST_WAIT_S,
    OptionGroup,
    option,
    options_of,
    switch,
)

LiveKind: TypeAlias = Literal["rtsp", "device", "http", "chunked", "download", "pipe", "growing"]
"""Over HTTP: ``http`` lasts until its connection is closed, perhaps by accident; ``chunked`` marks its end;
``download`` has a length, but cannot be read in parts."""

CAMERAS: Final[frozenset[LiveKind]] = frozenset({"rtsp", "device", "http", "chunked"})
"""They send their pictures whether or not these are read; all other sources wait for their reader."""
CAMERA_LAG_S: Final = 5.0


class LiveOptions(OptionGroup):
    """Options of a live source."""

    title: ClassVar[str] = "Live sources"

    follow: bool = switch("Keep reading CLIP, a file that is still growing.")
    read_timeout_s: float = option(
        10.0,
        "When a live source delivers nothing for this long, in seconds, reconnect to the camera, or take the file of "
        "--follow as complete.",
        ge=SHORTEST_WAIT_S,
        le=LONGEST_WAIT_S,
    )
    reconnect_timeout_s: float | None = option(
        None,
        "Give up reconnecting to a camera after this long, in seconds.",
        unset="30 before the first frame, never afterwards",
        ge=SHORTEST_WAIT_S,
        le=LONGEST_WAIT_S,
    )
    unhealthy_after_s: float = option(
        300.0,
        "Report the run as unhealthy once its camera has been gone for this long, in seconds.",
        ge=SHORTEST_WAIT_S,
        le=LONGEST_WAIT_S,
    )
    max_lag_s: float | None = option(
        None,
        "Drop what has waited longer than this, in seconds, and record it as overload.",
        unset="5 for a camera; never for sources that wait",
        ge=SHORTEST_WAIT_S,
        le=LONGEST_WAIT_S,
    )
    duration_s: float | None = option(
        None, "End a live run after this many seconds of video.", unset="never", ge=SHORTEST_WAIT_S, le=LONGEST_SOURCE_S
    )
    kind: LiveKind | None = None
    """Not the user's: what kind of source it turned out to be."""
    stdin_fds: tuple[int, int] | None = None
    """Not the user's: file descriptors of standard input, and of what was read from it before the run began."""

    @property
    def lag_s(self) -> float:
        """Data that has waited longer than this is dropped, seconds."""
        if self.max_lag_s is not None:
            return self.max_lag_s
        return CAMERA_LAG_S if self.kind in CAMERAS else math.inf

    def changed_flags(self) -> list[str]:
        """Flags of the options that are not at their default."""
        return [each.flag for each in options_of(LiveOptions) if getattr(self, each.path) != each.field.default]
