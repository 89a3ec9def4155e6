"""``egoclean-stream annotate RUN...``: describe the segments of finished runs, or describe them again."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from stream.commands.command import BY_SIGNAL, command
from stream.commands.option import own_option
from stream.commands.options import Chosen, Inheritance, run_options
from stream.commands.values import PathName
from stream.errors import ExitCode
from stream.records.schema.options import nest

_EXAMPLES = (
    ("Describe the segments of a run that had no annotator", "annotate runs/clip --annotator qwen"),
    ("Describe those of many runs; the model is loaded once", "annotate runs/* --annotator qwen"),
    (
        "Ask a server instead",
        "annotate runs/clip --annotator openai --annotator-model NAME\n--annotator-url http://localhost:8000/v1",
    ),
    (
        "Describe all of it again, by another model or with another task",
        "annotate runs/clip --again --annotator-model NAME\nannotate runs/clip --again --task 'packing boxes'",
    ),
    ("Let the model divide the clip", "annotate runs/clip --whole-clip --annotator qwen"),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM,
    ExitCode.INTERNAL, *BY_SIGNAL,
)  # fmt: skip


def _of_run(
    set_by_user: Mapping[str, Any],
    runs: tuple[Path, ...],
    *,
    again: bool,
    whole_clip: bool,
    annotation: str | None,
    **_: object,
) -> Mapping[str, Any]:
    """The options of the first RUN, where the user gives no others."""
    from stream.records.reading import layout_of
    from stream.run.annotate import inherited_options
    from stream.run.chosen_annotation import Wish

    return inherited_options(layout_of(runs[0]), nest(set_by_user), Wish(again, whole_clip, annotation))


@command(examples=_EXAMPLES, exit_codes=_CODES, never_waits=True)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PathName())
@own_option("--again", is_flag=True, help="Describe all segments again, in a further annotation.")
@own_option(
    "--whole-clip", is_flag=True, help="Describe the clip as a whole, with the model's own boundaries, in another one."
)
@own_option(
    "--annotation", metavar="NAME", show_default="the latest; with --again, its model's name", help="The annotation."
)
@own_option("--clips", type=PathName(), help="Folder to search for clips that were moved after their runs.")
@run_options(
    "annotator",
    "keyframes.keep",
    "machine.vram_budget_gib",
    "machine.price_per_hour",
    "runtime.offline",
    inherits=Inheritance(("annotator", "keyframes.keep", "machine.price_per_hour"), "the run's", _of_run),
)
def annotate(
    chosen: Chosen,
    runs: tuple[Path, ...],
    *,
    again: bool,
    whole_clip: bool,
    annotation: str | None,
    clips: Path | None,
) -> None:
    """Describe the segments of each finished run RUN that have no description, or whose description failed.

    The annotator sees the keyframes that the run's cache still holds; those that are gone are made again from the clip.
    Options that are not given are those of the run; another annotator or model may be named. The command may be stopped
    and run again.

    With --again, all segments are described once more, by another model or with other options. The run then has several
    annotations, each with a name; `show`, `report` and `export` take the latest that is complete, or the one that
    --annotation names. The same command again continues it, and describes nothing twice.

    With --whole-clip, the model is shown a picture a second of the whole clip in one request, or of parts that overlap
    if its context is too short, and decides itself where actions begin and end. The segments stay as they are.

    Of several runs, a failing one does not stop the others. A model is loaded once for all that use it with the same
    options.
    """
    from stream.engines.annotate_runs import AnnotateInTurn
    from stream.engines.batch import run_in_turn
    from stream.run.chosen_annotation import Wish
    from stream.sources.address import ClipSpec
    from stream.ui.screen import make_screen, make_view, standard_console

    chosen.options("-")
    changes, console, wish = nest(chosen.values), standard_console(), Wish(again, whole_clip, annotation)
    if len(runs) == 1:
        sys.exit(AnnotateInTurn(changes, lambda name: make_view(console, name), wish, clips)(str(runs[0])).code)
    with make_screen(console) as screen:
        job = AnnotateInTurn(changes, screen.view, wish, clips)
        code = run_in_turn([ClipSpec(str(run)) for run in runs], job, screen.line, fail_fast=False, what="run")
    sys.exit(code)
