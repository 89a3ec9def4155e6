"""``egoclean-stream annotate RUN``: describe what a finished run has left undescribed."""

import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from stream.commands.annotator_options import annotator_options
from stream.commands.option import option


@click.command(epilog="Exit codes: 0 done, 2 usage, 4 some failed, 5 model missing, 6 no room, 130/143 stopped.")
@click.argument("run", type=click.Path(path_type=Path))
@annotator_options
@option("--vram-budget-gib", type=float, help="GPU memory for the model.  [default: what is free, less 1 GiB]")
@option("--price-per-hour", type=float, help="Of this machine, dollars, for the record.")
@click.pass_context
def annotate(ctx: click.Context, /, run: Path, **given: Any) -> None:  # noqa: ANN401 - click's values, validated by Options
    """Describe the segments of the finished run RUN that nobody has described, and those that failed.

    Nothing is decoded again: the run's keyframes are shown, as far as --spool-mib has left them. Options that are not
    given are those of the run; another annotator or model may be named. It may be stopped and called again.
    """
    from stream.records.reading import layout_of
    from stream.run.annotate import annotate_run
    from stream.ui.view import make_view

    chosen = {name: value for name, value in given.items() if ctx.get_parameter_source(name) != ParameterSource.DEFAULT}
    sys.exit(annotate_run(layout_of(run), chosen, make_view(Console())))
