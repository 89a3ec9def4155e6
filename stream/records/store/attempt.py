"""Attempts at one run: they are numbered, and only the newest may write (fencing)."""

from pathlib import Path

import psutil

from stream.errors import EgocleanError
from stream.records.schema.events import SegmentClosed
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import cut_back
from stream.records.store.atomic import reading, replace_file, sync_dir
from stream.records.store.checkpoint import intact_checkpoint
from stream.records.store.event_log import read_events

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class AttemptGuard:
    """Checks, for a process that writes, that no newer attempt has begun."""

    def __init__(self, layout: RunLayout, attempt: int) -> None:
        self._path = layout.attempt
        self._attempt = attempt

    def check(self) -> None:
        """Must be called before each write.

        Raises:
            EgocleanError: a newer attempt has begun.
        """
        if (now := read_attempt(self._path)[0]) != self._attempt:
            raise EgocleanError(f"attempt {self._attempt} at this run must not write any more: attempt {now} has begun")


def begin_attempt(layout: RunLayout, boot: str | None = None) -> int:
    """Number the next attempt, and discard what was not durable when the machine rebooted.

    Args:
        layout: Of the run.
        boot: Identity of the machine's current boot; default: the system's.

    Returns:
        The number of the attempt, counted from 1.
    """
    boot = boot or _boot()
    layout.attempt.parent.mkdir(exist_ok=True)
    sync_dir(layout.root)
    number, last_boot = read_attempt(layout.attempt)
    if last_boot not in ("", boot):
        _discard_what_is_not_durable(layout)
    replace_file(layout.attempt, f"{number + 1} {boot}\n".encode())
    return number + 1


def _discard_what_is_not_durable(layout: RunLayout) -> None:
    """Durable are the windows before the last checkpoint, and those of all closed segments."""
    for path in layout.checkpoints:
        path.unlink(missing_ok=True)
    durable = intact_checkpoint(layout.durable_checkpoint)
    recorded = read_events(layout.events) if layout.events.exists() else ()
    in_segments = sum(event.windows for event in recorded if isinstance(event, SegmentClosed))
    if durable is None:
        cut_back(layout.arrays, 0, ())
    else:
        cut_back(layout.arrays, max(durable.totals.windows, in_segments), durable.totals.row_shapes)


def read_attempt(path: Path) -> tuple[int, str]:
    """Number and boot of the newest attempt; 0 before the first.

    Raises:
        DamagedError: the file is not a number and a boot.
    """
    if not path.exists():
        return 0, ""
    with reading(path):
        number, boot = path.read_text().split()
        return int(number), boot


def _boot() -> str:
    """Identity of the boot, which changes when the machine restarts; its time, on systems without one."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else str(round(psutil.boot_time()))
