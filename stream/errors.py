"""Every error that a user can see, and its exit code.

    EgocleanError                     70  internal: a bug in this program
    ├── UsageError                     2  an option, or a combination of options, makes no sense
    │   ├── DamagedError                  a file of the run directory is not what a run writes
    │   └── NewerVersionError             a newer version of the program wrote it
    ├── InputError                     3  the input cannot be read
    │   ├── SourceError                   the clip, the tar or the stream inside it
    │   │   ├── NoVideoError              its container is sound, and holds no video
    │   │   └── UnreachableError          a live source that may be available later
    │   └── IntrinsicsError               the camera's calibration
    ├── NoRoomError                    6  disk, memory or VRAM is full
    ├── PushError                      4  an export is done, and the hub does not take it
    ├── ViolationError                 4  an episode is not written: its alignment loses what is protected
    └── StageFailedError              any  a stage's process died; has that stage's exit code
    ModelUnavailableError              5  a package, a model or its weights are missing (``models.errors``)

A message is one sentence: it names the thing, its value, and what would be right.
"""

import errno
import re
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

from models.errors import ModelUnavailableError

__all__ = [
    "MEANINGS",
    "DamagedError",
    "EgocleanError",
    "ExitCode",
    "InputError",
    "IntrinsicsError",
    "ModelUnavailableError",
    "NewerVersionError",
    "NoRoomError",
    "NoVideoError",
    "PushError",
    "SourceError",
    "StageFailedError",
    "UnreachableError",
    "UsageError",
    "ViolationError",
    "exit_code_of",
    "is_stop",
    "printable",
    "sentence_of",
]


class ExitCode(IntEnum):
    """Exit status of the process."""

    DONE = 0
    USAGE = 2
    INPUT = 3
    PARTIAL = 4
    """Done, but some segments failed or some time was damaged."""
    MODEL_MISSING = 5
    NO_ROOM = 6
    INTERNAL = 70
    SIGHUP = 129
    SIGINT = 130
    SIGPIPE = 141
    """The reader of a command's output went away before its end."""
    SIGTERM = 143


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.USAGE: "usage or configuration",
    ExitCode.INPUT: "the input cannot be read",
    ExitCode.PARTIAL: "done, but some segments failed or some video was damaged",
    ExitCode.MODEL_MISSING: "a model or its weights are missing",
    ExitCode.NO_ROOM: "no room: disk, memory or GPU memory",
    ExitCode.INTERNAL: "internal error",
    ExitCode.SIGHUP: "stopped because its terminal was closed (SIGHUP)",
    ExitCode.SIGINT: "stopped by Ctrl-C",
    ExitCode.SIGTERM: "stopped by SIGTERM",
    ExitCode.SIGPIPE: "the reader of its output went away",
}
"""Exit codes in a few words."""

_STOPS = frozenset({ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM})


def is_stop(code: int | None) -> bool:
    """Whether an exit code is that of a run that was asked to stop, which is no failure."""
    return code in _STOPS


class EgocleanError(Exception):
    """Base of all errors that are reported to the user as one sentence."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL


class UsageError(EgocleanError):
    """An option, or a combination of options, makes no sense."""

    exit_code = ExitCode.USAGE


class DamagedError(UsageError):
    """A file of the run directory is damaged: the run cannot be resumed from it."""

    def __init__(self, path: Path, what: str) -> None:
        """``what`` is wrong with the file, in a few words."""
        super().__init__(f"{path} is damaged ({what}): run its clip again with --overwrite")
        self.what = what


class NewerVersionError(UsageError):
    """A newer version of the program wrote a file of the run directory."""

    def __init__(self, path: Path, found: int, readable: int) -> None:
        """``found`` is the version of the file's format, ``readable`` the newest that this program reads."""
        super().__init__(
            f"{path} was written by a newer version of egoclean-stream (format {found}; this version reads up to "
            f"{readable}): use that version"
        )
        self.path = path


class InputError(EgocleanError):
    """The input cannot be read."""

    exit_code = ExitCode.INPUT


class NoWindowsError(InputError):
    """A run holds no windows yet, or its clip is shorter than one."""


class SourceError(InputError):
    """The clip is missing, empty, not a video, or its tar has no such member."""


class NoVideoError(SourceError):
    """The container can be read, and holds other streams than video, such as sound alone."""


class UnreachableError(SourceError):
    """A live source cannot be reached; a later attempt may succeed."""


class IntrinsicsError(InputError):
    """The calibration is missing, incomplete, not finite, or made for another frame size."""


class NoRoomError(EgocleanError):
    """Disk, memory or VRAM is full."""

    exit_code = ExitCode.NO_ROOM


class PushError(EgocleanError):
    """An export is done, and the hub does not take it."""

    exit_code = ExitCode.PARTIAL


class ViolationError(EgocleanError):
    """The alignment of an episode loses too much of what is protected, and the user wants none of it then."""

    exit_code = ExitCode.PARTIAL


class StageFailedError(EgocleanError):
    """A stage's process ended before its work was done."""

    def __init__(self, message: str, code: int, process: str, *, transient: bool) -> None:
        """``transient``: it was killed or hung, and may succeed when it is restarted."""
        super().__init__(message)
        self.code = code
        self.process = process
        self.transient = transient


def exit_code_of(error: BaseException) -> int:
    """The documented exit code for any exception, including those of other packages."""
    match error:
        case StageFailedError():
            return error.code
        case EgocleanError():
            return error.exit_code
        case ModelUnavailableError():
            return ExitCode.MODEL_MISSING
        case MemoryError() | OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return ExitCode.NO_ROOM
        case KeyboardInterrupt():
            return ExitCode.SIGINT
        case _:
            return ExitCode.INTERNAL


def sentence_of(error: BaseException) -> str:
    """One sentence for the user about any exception; safe to print, whatever names it contains."""
    return printable(_words_of(error))


def _words_of(error: BaseException) -> str:
    match error:
        case EgocleanError() | ModelUnavailableError():
            return str(error)
        case MemoryError():
            return str(error) or "the memory of this machine is exhausted"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return f"no room left on the disk while writing {error.filename or 'the run directory'}"
        case _:
            return f"internal error, {type(error).__name__}: {error}"


_MARK = "\N{REPLACEMENT CHARACTER}"
_NOT_A_SPACE_ONLY = re.compile(r" *[^\S ]\s*")
"""White space that is not only spaces."""


def printable(text: str) -> str:
    """Untrusted text, made safe to print: on one line, without what a terminal would act on.

    U+FFFD replaces each control character, each mark of direction or of no width, and each half of a surrogate pair
    (Unicode's categories C, and Z but for the space).
    """
    return "".join(each if each.isprintable() else _MARK for each in _NOT_A_SPACE_ONLY.sub(" ", text))
