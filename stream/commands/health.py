"""``egoclean-stream health RUN``: for a container's HEALTHCHECK, without a port and without the network."""

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import click

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.values import PathName
from stream.errors import NewerVersionError
from stream.records.reading import layout_of
from stream.records.schema.health import now, read_health
from stream.records.schema.layout import RUNS
from stream.records.store.versions import require_readable
from stream.ui.standard_streams import echo

_START_TIME = 19
"""Of the fields of ``/proc/PID/stat`` behind the name (proc(5)): clock ticks after the machine's start."""


_EXAMPLES = (
    ("The newest run in runs/", "health"),
    ("In a Dockerfile: HEALTHCHECK CMD", "health --since-start"),
)


@command(examples=_EXAMPLES)
@own_option("--since-start", is_flag=True, help="Ignore runs that are older than the container's main process.")
@click.argument("run", type=PathName(), default=RUNS, envvar="EGOCLEAN_OUT")
def health(run: Path, *, since_start: bool) -> None:
    """Report in one sentence whether a run is healthy.

    Exits with 0 if the run makes progress or has finished, otherwise with 1. With --since-start, for a container's
    HEALTHCHECK, only runs that this container has started count; until there is one (while clips are listed or
    weights downloaded, or if another command was given), the container is healthy as long as its main process lives.

    RUN is a run directory, or a folder of run directories, of which the newest counts. [default: runs, or
    EGOCLEAN_OUT]
    """
    well, sentence = judge(run, began_at() if since_start else None)
    echo(sentence)
    sys.exit(0 if well else 1)


def judge(run: Path, since: datetime | None = None) -> tuple[bool, str]:
    """Whether the newest run at ``run`` is healthy, and a sentence on it; healthy, too, if none has begun ``since``."""
    try:
        path = _newest(run)
        if path:
            require_readable(layout_of(path.parent))
        seen = read_health(path) if path else None
    except NewerVersionError as error:
        return False, str(error)
    except (OSError, ValueError) as error:
        why = f"its health.json cannot be read ({type(error).__name__})"
        return False, f"{run}: {why}; a run that is just starting writes it within a second"
    if since and (seen is None or datetime.fromisoformat(seen.time) < since):
        return True, f"{run}: no run has begun since the container started"
    if path is None or seen is None:
        return False, f"{run}: no run has begun here"
    problem = seen.problem(now())
    return problem is None, f"{path.parent}: {problem or seen.summary()}"


def began_at() -> datetime:
    """Start time of process 1, which in a container is its main process."""
    ticks = int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[_START_TIME])
    running_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return now() - timedelta(seconds=running_s)


def _newest(run: Path) -> Path | None:
    """The heartbeat of the run directory itself, or the newest of those in it."""
    places = [run, *(run.iterdir() if run.is_dir() else ())]
    beats = [path for place in places if (path := layout_of(place).health).is_file()]
    return max(beats, key=lambda path: path.stat().st_mtime, default=None)
