"""The process of one clip among several: ``python -m stream.engines.clip_process``, its order as one line on standard
input.

That pipe stays open: when it closes, whoever started the job is gone, and the run drains as after SIGTERM.
"""

import os
import signal
import sys
import threading
from io import FileIO
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from pydantic import BaseModel, TypeAdapter

from stream.config import Options
from stream.engines.batch import Outcome, attempt
from stream.engines.clip import run_clip
from stream.errors import ExitCode, printable
from stream.ui.notes import Note, forward_notes

OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


class JobConfig(BaseModel):
    """Which clip, how, and where to say what became of it."""

    clip: str
    options: Options
    outcome: Path


def _say(note: Note) -> None:
    """For people; where a program reads, the run's own view says it."""
    for line in [*(note.trace or "").splitlines(), note.text]:
        click.echo(printable(line))


def _stopped(number: int, _frame: FrameType | None) -> NoReturn:
    """A signal while nothing runs yet that would have to be drained."""
    sys.exit(128 + number)


def _drain_with_the_line(line_in: FileIO) -> None:
    """Nobody reads any more what the run says, and nobody else would end it."""
    line_in.readall()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Entry of the process; its exit code is the one that the clip would have had alone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stopped)
    line_in = FileIO(sys.stdin.fileno(), closefd=False)
    order = JobConfig.model_validate_json(line_in.readline())
    threading.Thread(target=_drain_with_the_line, args=(line_in,), daemon=True).start()
    forward_notes(_say)
    outcome = attempt(order.clip, lambda clip: run_clip(clip, order.options))
    order.outcome.write_bytes(OUTCOME.dump_json(outcome))
    sys.exit(ExitCode(outcome.code))


if __name__ == "__main__":
    main()
