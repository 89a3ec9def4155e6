"""Every constant of reading live sources, once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias, TypeVar

from stream.errors import UsageError

Kind: TypeAlias = Literal["rtsp", "device", "http", "download", "pipe", "growing"]
"""``http`` never ends by itself, as far as anybody knows; ``download`` has a length, but cannot be read in parts."""

CAMERAS: frozenset[Kind] = frozenset({"rtsp", "device", "http"})
"""They send what they see, read or not; all others wait for their reader."""
CAMERA_LAG_S = 5.0

Seconds = TypeVar("Seconds", float, "float | None")


def _seconds(default: Seconds, meaning: str, *, unset: str = "") -> Seconds:
    """A field whose meaning can be read at run time: it is the help of the command line, too."""
    value: Seconds = field(default=default, metadata={"help": meaning, "unset": unset})
    return value


@dataclass(frozen=True)
class LiveOptions:
    """What a live source may be told. Raises ``UsageError`` when a number is not finite, or not above 0."""

    follow: bool = False
    """The clip is a file that still grows."""
    follow_idle_s: float = _seconds(10.0, "With --follow: the file is complete when it has not grown for so long.")
    reconnect_s: float | None = _seconds(
        None,
        "How long a camera is sought before the run gives it up.",
        unset="30 at the start, later for ever",
    )
    silence_s: float = _seconds(10.0, "A camera that sends nothing for so long counts as cut off.")
    away_s: float = _seconds(
        300.0, "A run whose camera has been away for longer is unhealthy; it is sought all the same."
    )
    max_lag_s: float | None = _seconds(
        None,
        "What has waited longer is skipped, and recorded as overload.",
        unset="5 for a camera; what can wait is never skipped",
    )
    duration_s: float | None = _seconds(None, "End a live run after so much of its time.", unset="never")
    kind: Kind | None = None
    """No option of the user's: what the source was found to be."""
    stdin_fds: tuple[int, int] | None = None
    """No option of the user's: standard input, and what was read of it before the run began, as file descriptors."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if isinstance(value, float) and not (math.isfinite(value) and value > 0):
                raise UsageError(f"--{option.name.replace('_', '-')} is {value}, expected a finite number above 0")

    @property
    def lag_s(self) -> float:
        """What has waited longer is skipped."""
        if self.max_lag_s is not None:
            return self.max_lag_s
        return CAMERA_LAG_S if self.kind in CAMERAS else math.inf

    def given(self) -> list[str]:
        """The options that are not at their default, as the command line names them."""
        return [
            f"--{option.name.replace('_', '-')}"
            for option in fields(self)
            if getattr(self, option.name) != option.default and option.name not in ("kind", "stdin_fds")
        ]
