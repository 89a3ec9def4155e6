"""Times as people and programs write them."""

import re

_CLOCK = re.compile(r"(?:(?P<hours>\d{1,3}):)?(?P<minutes>\d{1,3}):(?P<seconds>\d{1,2}(?:\.\d+)?)")

LONGEST_S = 1e7
"""Sixteen weeks: no clip is longer. What is longer, or not a number, is not a time."""


def seconds_of(written: object) -> float:
    """A time in seconds: a number, or text like ``75``, ``75.5``, ``1:15``, ``01:15.5`` or ``00:01:15``.

    Raises:
        ValueError: saying what is wrong with it.
    """
    match written:
        case None:
            raise ValueError("a time is missing")
        case bool():
            raise ValueError(f"{written} is not a time")
        case int() | float():
            return _checked(written)
        case str():
            return _checked(_parsed(written.strip()))
        case _:
            raise ValueError(f"a {type(written).__name__} is not a time")


def _parsed(text: str) -> float:
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a time in seconds, mm:ss or hh:mm:ss") from None
    minutes, seconds = int(clock["minutes"]), float(clock["seconds"])
    if seconds >= 60 or (clock["hours"] and minutes >= 60):
        raise ValueError(f"{text!r} is not a time: minutes and seconds end at 59")
    return int(clock["hours"] or 0) * 3600 + minutes * 60 + seconds


def _checked(seconds: float) -> float:
    if seconds < 0:
        raise ValueError(f"{seconds} s lies before the clip's beginning")
    if not seconds < LONGEST_S:
        raise ValueError(f"{seconds} is not a time in any clip")
    return float(seconds)
