"""The private folder for the sockets of one chain's processes.

A process that is killed cannot clean up. So the owner of a folder holds a lock on it, which the system releases when it
dies, and the next process that makes a folder removes those without an owner. The folders are in the system's
folder for temporary files, not in the run directory: the path of a socket has at most 107 bytes, and not every file
system supports sockets.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

import zmq

from stream.errors import UsageError

PREFIX = "egoclean-run-"
_RANDOM_BYTES = 8
"""Length of the suffix that ``mkdtemp`` appends."""
_NAME_BYTES_MAX = 9
"""Length of the longest socket name, ``annotator``."""


class SocketFolder:
    """A new folder that only this user can enter; it is removed at the end of the block, or after this process."""

    def __init__(self) -> None:
        """Make the folder, and remove those of this user whose owners are dead.

        Raises:
            UsageError: the path of the folder for temporary files is too long.
        """
        require_short_path()
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove_if_left(left)
        self.path, self._lock = _new_folder()

    def endpoint(self, name: str) -> str:
        """The address of a socket in it."""
        return f"ipc://{self.path}/{name}"

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def require_short_path() -> None:
    """Check that sockets can be made in the folder for temporary files.

    Raises:
        UsageError: its path is too long.
    """
    place = tempfile.gettempdir()
    most = zmq.IPC_PATH_MAX_LEN - len(f"/{PREFIX}") - _RANDOM_BYTES - len("/") - _NAME_BYTES_MAX
    if (length := len(os.fsencode(place))) > most:
        raise UsageError(
            f"the folder for temporary files has a path of {length} bytes, and sockets in it can have {most}: "
            f"point TMPDIR to a shorter one than {place}"
        )


def _new_folder() -> tuple[Path, int]:
    """The folder and the lock on it."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):
            lock = _open(path)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return path, lock
            os.close(lock)  # another process removed it before it was locked


def _remove_if_left(path: Path) -> None:
    try:
        if path.lstat().st_uid != os.getuid():
            return
        lock = _open(path)
    except (FileNotFoundError, NotADirectoryError):
        return  # its owner has just removed it, or it is not one of our folders
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        return  # its owner is alive
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
