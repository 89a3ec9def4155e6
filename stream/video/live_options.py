"""Every constant of reading live sources, once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from stream.errors import UsageError


def _seconds(default: float | None, meaning: str, *, unset: str = "") -> float | None:
    """A field whose meaning can be read at run time: it is the help of the command line, too."""
    value: float | None = field(default=default, metadata={"help": meaning, "unset": unset})
    return value


@dataclass(frozen=True)
class LiveOptions:
    """What a live source may be told. Raises ``UsageError`` when a number is not finite, or not above 0."""

    follow: bool = False
    """The clip is a file that still grows."""
    follow_idle_s: float | None = _seconds(10.0, "With --follow: the file is complete when it has not grown for so long.")
    reconnect_s: float | None = _seconds(
        None,
        "How long a camera is sought before the run gives it up.",
        unset="30 at the start, later for ever",
    )
    silence_s: float | None = _seconds(10.0, "A camera that sends nothing for so long counts as cut off.")
    max_lag_s: float | None = _seconds(
        None,
        "What has waited longer is skipped, and recorded as overload.",
        unset="5 for a camera; what can wait is never skipped",
    )
    duration_s: float | None = _seconds(None, "End a live run after so much of its time.", unset="never")
    stdin_fds: tuple[int, int] | None = None
    """No option of the user's: standard input, and what was read of it before the run began, as file descriptors."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if isinstance(value, float) and not (math.isfinite(value) and value > 0):
                raise UsageError(f"--{option.name.replace('_', '-')} is {value}, expected a finite number above 0")

    def given(self) -> list[str]:
        """The options that are not at their default, as the command line names them."""
        return [
            f"--{option.name.replace('_', '-')}"
            for option in fields(self)
            if getattr(self, option.name) != option.default and option.name != "stdin_fds"
        ]
