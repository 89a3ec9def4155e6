"""Signals that arrive while the program is still being imported."""

import subprocess
import sys

import pytest

from tests.support.runs import DEADLINE_S

PROGRAM = """
import os, signal, sys
from stream.cli import main

class Dropped:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})

class Finder:
    @staticmethod
    def find_spec(*_):
        Dropped()

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder)
sys.argv = ["egoclean-stream", "tail", "--help"]
main()
"""
"""The signal arrives while a command is imported, in a finaliser, whose exceptions Python drops."""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_signal_is_not_lost_where_exceptions_are(name: str, code: int) -> None:
    """The program ends with the signal's code at once, and in silence."""
    program = PROGRAM.format(name=name)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (code, "", "")
