"""One look at one thing: what is found, whether that is good, and what to do if not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stream.errors import exit_code_of, sentence_of

Level: TypeAlias = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found; a run can go ahead with it."""

    says: str
    cure: str = ""
    """What to do about it; empty if it is good as it is."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    level: Level
    says: str
    cure: str = ""
    exit_code: int = 0
    """With ``FAIL``: what a run would end with."""


def check(name: str, look: Callable[[], Finding]) -> Check:
    """Take a look; the error that it raises is the one that a run would end with."""
    try:
        found = look()
    except Exception as error:  # noqa: BLE001 - to find out what goes wrong, whatever it is, is what this is for
        return Check(name, "FAIL", sentence_of(error), exit_code=exit_code_of(error))
    return Check(name, "warn" if found.cure else "ok", found.says, found.cure)


def size(count_bytes: float) -> str:
    """Bytes for people: ``1.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB"):
        if count_bytes < 1024:
            return f"{count_bytes:.0f} {unit}"
        count_bytes /= 1024
    return f"{count_bytes:.1f} GiB"
