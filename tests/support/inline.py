"""Run the program in this process; with the inline engine, a whole run starts no other process."""

import contextlib
import io
import signal
import sys
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from stream.cli import main
from stream.runtime.signals import STOP_SIGNALS
from stream.ui.notes import forwarded_notes


def run_inline(*args: str | Path, cwd: Path | None = None) -> CompletedProcess[str]:
    """As ``tests.support.runs.run_cli`` for the command ``run``: its exit code, and its output."""
    return run_here(*args, "--engine", "inline", cwd=cwd)


def run_here(*args: str | Path, cwd: Path | None = None) -> CompletedProcess[str]:
    """As ``tests.support.runs.run_cli``, for any command that starts no process itself."""
    words = ["egoclean-stream", *map(str, args)]
    out, err = io.StringIO(), io.StringIO()
    before, hook = {number: signal.getsignal(number) for number in STOP_SIGNALS}, sys.unraisablehook
    try:
        with (
            patch.object(sys, "argv", words),
            contextlib.chdir(cwd or Path.cwd()),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            forwarded_notes(lambda _note: None),
        ):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
        return CompletedProcess(words, code, out.getvalue(), err.getvalue())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
    raise AssertionError("the program did not end with an exit code")
