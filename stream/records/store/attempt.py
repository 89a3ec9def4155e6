"""Attempts at one run: each has a number, and only the newest may write."""

from pathlib import Path

import psutil

from stream.errors import EgocleanError
from stream.records.schema.events import SegmentClosed
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import cut_back
from stream.records.store.atomic import reading, replace_file, sync_dir
from stream.records.store.checkpoint import whole_state
from stream.records.store.event_log import read_events

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Fence:
    """Held by a process that writes: it must not when a newer attempt has begun."""

    def __init__(self, layout: RunLayout, attempt: int) -> None:
        self._path = layout.attempt
        self._attempt = attempt

    def check(self) -> None:
        """Ask before each write.

        Raises:
            EgocleanError: another attempt is the present one.
        """
        if (now := read_attempt(self._path)[0]) != self._attempt:
            raise EgocleanError(f"attempt {self._attempt} at this run must not write any more: attempt {now} has begun")


def begin_attempt(layout: RunLayout, boot: str | None = None) -> int:
    """Number the next attempt, and forget what an earlier boot has not made durable.

    Args:
        layout: Of the run.
        boot: Identity of the machine's present boot; None: ask the system.

    Returns:
        The number of the attempt, from 1 on.
    """
    boot = boot or _boot()
    layout.attempt.parent.mkdir(exist_ok=True)
    sync_dir(layout.root)
    number, last_boot = read_attempt(layout.attempt)
    if last_boot not in ("", boot):
        _forget_what_is_not_durable(layout)
    replace_file(layout.attempt, f"{number + 1} {boot}\n".encode())
    return number + 1


def _forget_what_is_not_durable(layout: RunLayout) -> None:
    """What is durable: the windows before the last checkpoint, and those of all segments that were closed."""
    for path in layout.states:
        path.unlink(missing_ok=True)
    durable = whole_state(layout.durable_state)
    told = read_events(layout.events) if layout.events.exists() else ()
    in_segments = sum(event.windows for event in told if isinstance(event, SegmentClosed))
    if durable is None:
        cut_back(layout.arrays, 0, ())
    else:
        cut_back(layout.arrays, max(durable.totals.windows, in_segments), durable.totals.row_shapes)


def read_attempt(path: Path) -> tuple[int, str]:
    """Number and boot of the attempt that has begun last; 0 where none has.

    Raises:
        DamagedError: the file holds something else.
    """
    if not path.exists():
        return 0, ""
    with reading(path):
        number, boot = path.read_text().split()
        return int(number), boot


def _boot() -> str:
    """Changes when the machine is started anew; on systems that have no identity for it, its time."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else str(round(psutil.boot_time()))
