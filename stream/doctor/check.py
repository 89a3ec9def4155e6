"""One check of ``doctor``: its result, whether that is good enough for a run, and what to do if not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stream.errors import exit_code_of, sentence_of

CheckLevel: TypeAlias = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check that does not prevent a run."""

    message: str
    hint: str = ""
    """What to do about it; empty if nothing has to be done."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    level: CheckLevel
    message: str
    hint: str = ""
    exit_code: int = 0
    """The exit code of a run with the same fault, if the level is ``FAIL``."""


def check(name: str, find: Callable[[], Finding]) -> Check:
    """Perform a check; an error that it raises is the one that a run would end with."""
    try:
        finding = find()
    except Exception as error:  # noqa: BLE001 - any error is the result of the check
        return Check(name, "FAIL", sentence_of(error), exit_code=exit_code_of(error))
    return Check(name, "warn" if finding.hint else "ok", finding.message, finding.hint)


def size(count_bytes: float) -> str:
    """A number of bytes for display, as ``1.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB"):
        if count_bytes < 1024:
            return f"{count_bytes:.0f} {unit}"
        count_bytes /= 1024
    return f"{count_bytes:.1f} GiB"
