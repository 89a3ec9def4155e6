"""``egoclean-stream analyze RUN``: figures and anomalies of a run, or of a bare folder of embeddings."""

from dataclasses import replace
from pathlib import Path

import click

from exporters.run_view import RunView, Span, open_views
from exporters.table import EXPORTERS, FIGURE_FORMATS, export
from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.values import Choice, PathName
from stream.errors import ExitCode, InputError
from stream.evaluation.readers import read_json
from stream.evaluation.track import anomalies_of
from stream.ui.standard_streams import echo

_PATH = PathName()


_EXAMPLES = (
    ("Figures of a finished run, in its directory", "analyze runs/clip"),
    ("With the true anomalies, elsewhere", "analyze runs/clip --truth truth.json --out figures"),
    ("Figures for a paper", "analyze runs/clip --format pdf"),
)
_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.MODEL_MISSING, ExitCode.INTERNAL)


@command(examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("run", type=_PATH)
@own_option("--truth", type=_PATH, show_default="truth.json beside the clip", help="The true anomalies, as truth.json.")
@own_option("-o", "--out", type=_PATH, show_default="RUN", help="Folder for the results.")
@own_option(
    "--format",
    "figure_format",
    type=Choice(FIGURE_FORMATS),
    default="png",
    show_default=True,
    help="File format of the figures.",
)
def analyze(run: Path, truth: Path | None, out: Path | None, figure_format: str) -> None:
    """Compare a run's detection with the offline one, in figures.

    RUN is a run directory, finished or growing, or a folder with <stem>_emb.npy, <stem>_temb.npy and <stem>_ts.npy.
    Writes <stem>_detection.png, <stem>_diagnostics.png (or .pdf, .svg) and anomalies.json.
    """
    names = f"detection.{figure_format}", f"diagnostics.{figure_format}", "anomalies"
    for name in names:
        EXPORTERS[name].check()
    for path in export(names, views_with_truth(run, truth), out or run):
        echo(str(path))


def views_with_truth(folder: Path, truth: Path | None) -> list[RunView]:
    """The clips of a folder with their true anomalies.

    Args:
        folder: a run directory, or a bare folder of arrays.
        truth: ``{stem: [segment, ...]}`` or one clip's list, which must have the clips; None for the truth.json
            beside the source, which need not.

    Raises:
        InputError: there is no clip, or one of them or the truth cannot be read.
    """
    views = []
    for view in open_views(folder):
        views.append(replace(view, truth=true_spans(view, truth)))
        _ = views[-1].windows  # invalid arrays are refused before anything is written
    return views


def true_spans(view: RunView, truth: Path | None) -> tuple[Span, ...] | None:
    """The true anomalies of a clip, None if no file gives them."""
    beside = view.source.with_name("truth.json")
    if truth is None and not beside.exists():
        return None
    tracks = {track.stem: track for track in read_json(truth or beside)}
    track = tracks.get(view.stem, tracks.get(None))
    if track:
        return tuple(Span(event.t_start_s, event.t_end_s) for event in anomalies_of(track, None))
    if truth is None:
        return None
    raise InputError(f"{truth} has no clip {view.stem}, only {', '.join(map(str, tracks))}")
