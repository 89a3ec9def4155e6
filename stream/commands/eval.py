"""``egoclean-stream eval PREDICTED TRUTH``: how good are the segments that were found."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from stream.commands.command import Real, Whole, command
from stream.errors import ExitCode, UsageError, printable
from stream.evaluation.document import document
from stream.evaluation.evaluation import evaluate as judge_clips
from stream.evaluation.pairing import Case, left_out, make_case, paired
from stream.evaluation.readers import read_tracks
from stream.evaluation.tables import PIPE_WIDTH, show
from stream.evaluation.track import LONGEST_S, Track

_PATH = click.Path(path_type=Path)


_EXAMPLES = (
    ("How good is a run", "eval runs/clip truth.json"),
    ("Of several runs, as JSON", "eval runs/ truth.json --json"),
)
_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.INTERNAL)


@command("eval", examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("predicted", type=_PATH)
@click.argument("truth", type=_PATH)
@click.option("--clip", metavar="STEM", help="Clip to judge, if a side holds several.")
@click.option("--duration-s", type=Real(0, LONGEST_S, min_open=True), help="Length of the clip, in seconds.")
@click.option(
    "--anomalous", metavar="PATTERN", help="Regular expression for the rows of transcripts and logs that are anomalous."
)
@click.option("--seed", type=Whole(min=0), default=0, show_default=True, help="Seed of the random control.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all figures and events.")
def evaluate(
    predicted: Path,
    truth: Path,
    clip: str | None,
    duration_s: float | None,
    anomalous: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Compare PREDICTED segments with TRUTH, and with chance.

    Either side is a run directory, a folder of run directories, truth.json, a JSON array as `detect` prints it, a CSV
    file with a start and an end column, or a transcript with lines like `[00:01:22 - 00:01:24] what happens`.

    Events are matched one to one. F1@0.5 counts matches with an IoU of at least 0.5, F1±5s those with both edges
    within 5 s. false/h is the number of predictions per hour that touch no true event. The random control has as many
    events of the same lengths, anywhere in the clip.
    """
    true = read_tracks(truth)
    chosen = paired(read_tracks(predicted), true, clip)
    cases = make_cases(chosen, duration_s, anomalous)
    broken = [sentence for case in cases for sentence in case.broken]
    for sentence in broken:
        click.echo(printable(f"put aside: {sentence}"), err=True)
    notes = [note for case in cases for note in case.notes]
    notes.extend(left_out(true, chosen))
    evaluation = judge_clips([case.clip for case in cases], seed)
    if as_json:
        click.echo(json.dumps(document(evaluation, notes, broken), indent=1, allow_nan=False))
    else:
        show(evaluation, notes, Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH))


def make_cases(
    chosen: Sequence[tuple[str, Track, Track]], duration_s: float | None, anomalous: str | None
) -> list[Case]:
    """The clips to judge, from the name, prediction and truth of each and what was said on the command line.

    Raises:
        UsageError: if an option does not fit what there is.
        InputError: if the events of a clip do not fit together.
    """
    pattern = _compiled(anomalous)
    if duration_s is not None and len(chosen) > 1:
        raise UsageError(f"--duration-s {duration_s:g} is one clip's length, and here are {len(chosen)}: use --clip")
    if pattern and not any(track.described for _, *sides in chosen for track in sides):
        raise UsageError(f"--anomalous {anomalous} chooses rows of transcripts and event logs, and neither side is one")
    return [make_case(*each, pattern, duration_s) for each in chosen]


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"--anomalous {pattern}: not a regular expression: {error}") from error
