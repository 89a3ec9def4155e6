"""``egoclean-stream annotate RUN``: describe the segments that a finished run has left undescribed."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from stream.commands.command import BY_SIGNAL, command
from stream.commands.options import Chosen, Inheritance, run_options
from stream.commands.values import PathName
from stream.errors import ExitCode
from stream.records.schema.options import nest

_EXAMPLES = (
    ("Describe the segments of a run that had no annotator", "annotate runs/clip --annotator qwen"),
    (
        "Ask a server instead",
        "annotate runs/clip --annotator openai --annotator-model NAME\n--annotator-url http://localhost:8000/v1",
    ),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.PARTIAL, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM, ExitCode.INTERNAL,
    *BY_SIGNAL,
)  # fmt: skip


def _of_run(set_by_user: Mapping[str, Any], run: Path, **_: object) -> Mapping[str, Any]:
    """The options of RUN, where the user gives no others."""
    from stream.records.reading import layout_of
    from stream.run.annotate import inherited_options

    return inherited_options(layout_of(run), nest(set_by_user))


@command(examples=_EXAMPLES, exit_codes=_CODES, never_waits=True)
@click.argument("run", type=PathName())
@run_options(
    "annotator",
    "machine.vram_budget_gib",
    "machine.price_per_hour",
    "runtime.offline",
    inherits=Inheritance(("annotator", "machine.price_per_hour"), "the run's", _of_run),
)
def annotate(chosen: Chosen, run: Path) -> None:
    """Describe the segments of the finished run RUN that have no description, or whose description failed.

    Nothing is decoded again: the annotator sees the keyframes that the run's cache still holds. Options that are not
    given are those of the run; another annotator or model may be named. The command may be stopped and run again.
    """
    from stream.records.reading import layout_of
    from stream.run.annotate import annotate_run
    from stream.ui.view import make_view

    chosen.options("-")
    sys.exit(annotate_run(layout_of(run), nest(chosen.values), make_view(Console())))
