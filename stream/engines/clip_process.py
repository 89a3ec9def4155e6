"""The process of one clip among several: ``python -m stream.engines.clip_process``.

The first line of standard input is its ``ClipConfig``. The pipe stays open: if it closes, the parent is gone, and the
run drains as after SIGTERM.
"""

import os
import signal
import sys
import threading
from io import FileIO
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from stream.config import Options
from stream.engines.batch import Outcome, attempt
from stream.engines.clip import run_clip
from stream.errors import ExitCode
from stream.runtime.exit import exit_quickly
from stream.runtime.signals import exit_at_signal, heeded_signals
from stream.sources.address import ClipSpec, Unopened
from stream.sources.network import network
from stream.ui import standard_streams
from stream.ui.notes import Note, forward_notes
from stream.ui.standard_streams import echo

OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


class ClipConfig(BaseModel):
    """The clip, its options, and the file for its outcome."""

    clip: str
    unopened: Unopened | None
    options: Options
    outcome: Path


def _print_note(note: Note) -> None:
    """Print a note for people; for programs the run's own view prints it."""
    for line in [*(note.trace or "").splitlines(), note.text]:
        echo(line)


def _drain_without_parent(pipe: FileIO) -> None:
    """Wait until the parent has exited, and then stop the run."""
    pipe.readall()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Entry point of the process; its exit code is the one that the clip would have alone."""
    exit_quickly()
    for number in heeded_signals():
        signal.signal(number, exit_at_signal)
    standard_streams.install()
    standard_streams.never_wait()
    pipe = FileIO(sys.stdin.fileno(), closefd=False)
    config = ClipConfig.model_validate_json(pipe.readline())
    threading.Thread(target=_drain_without_parent, args=(pipe,), daemon=True).start()
    forward_notes(_print_note)
    with network(offline=config.options.runtime.offline):
        outcome = attempt(ClipSpec(config.clip, unopened=config.unopened), lambda clip: run_clip(clip, config.options))
    config.outcome.write_bytes(OUTCOME.dump_json(outcome))
    standard_streams.finish()
    sys.exit(ExitCode(outcome.code))


if __name__ == "__main__":
    main()
