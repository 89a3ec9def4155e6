"""``egoclean-stream health RUN``: for a container's HEALTHCHECK, without a port and without the network."""

import sys
from pathlib import Path

import click

from stream.records.found import layout_of
from stream.records.health import now, read_health
from stream.records.layout import RUNS
from stream.words import printable


@click.command()
@click.argument("run", type=click.Path(path_type=Path), default=RUNS, envvar="EGOCLEAN_OUT")
def health(run: Path) -> None:
    """Say in one sentence how a run is.

    Exit 0 if it makes progress or has finished, 1 if not.

    RUN is a run directory, or a directory of them, of which the newest run counts.  [default: runs, or
    EGOCLEAN_OUT]
    """
    well, sentence = judge(run)
    click.echo(printable(sentence))
    sys.exit(0 if well else 1)


def judge(run: Path) -> tuple[bool, str]:
    """Whether the newest run at ``run`` is well, and a sentence that says so."""
    try:
        path = _newest(run)
        if path is None:
            return False, f"{run}: no run has begun here"
        seen = read_health(path)
    except (OSError, ValueError) as error:
        return False, f"{run}: its heartbeat cannot be read ({type(error).__name__}): has the run just begun anew?"
    complaint = seen.complaint(now())
    return complaint is None, f"{path.parent}: {complaint or seen.summary()}"


def _newest(run: Path) -> Path | None:
    """The heartbeat of the run directory itself, or the newest of those in it."""
    places = [run, *(run.iterdir() if run.is_dir() else ())]
    beats = [path for place in places if (path := layout_of(place).health).is_file()]
    return max(beats, key=lambda path: path.stat().st_mtime, default=None)
