"""``egoclean-stream eval PREDICTED TRUTH``: compares predicted segments with true ones."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.values import PathName, Real, Whole
from stream.errors import ExitCode, UsageError
from stream.evaluation.document import document
from stream.evaluation.evaluation import evaluate as judge_clips
from stream.evaluation.pairing import EvaluationCase, left_out, make_case, paired
from stream.evaluation.readers import read_tracks
from stream.evaluation.tables import PIPE_WIDTH, show
from stream.evaluation.track import LONGEST_S, Track
from stream.ui.standard_streams import echo

_PATH = PathName()


_EXAMPLES = (
    ("Evaluate a run", "eval runs/clip truth.json"),
    ("Evaluate several runs, print JSON", "eval runs/ truth.json --json"),
    (
        "Compare the detector with the words of a model",
        "eval runs/clip runs/clip --annotation NAME\n--anomalous 'idle|wait|walk'",
    ),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.NO_ROOM, ExitCode.INTERNAL, ExitCode.SIGPIPE,
)  # fmt: skip


@command("eval", examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("predicted", type=_PATH)
@click.argument("truth", type=_PATH)
@own_option("--clip", metavar="STEM", help="Clip to judge, if a side holds several.")
@own_option("--duration-s", type=Real(0, LONGEST_S, min_open=True), help="Length of the clip, in seconds.")
@own_option(
    "--anomalous", metavar="PATTERN", help="Regular expression for the rows of transcripts and logs that are anomalous."
)
@own_option(
    "--annotation", metavar="NAME", help="Take as truth the actions of this annotation, if TRUTH is a run or several."
)
@own_option("--seed", type=Whole(0, 2**32 - 1), default=0, show_default=True, help="Seed of the random control.")
@own_option("--json", "as_json", is_flag=True, help="Print one JSON object with all figures and events.")
def evaluate(
    predicted: Path,
    truth: Path,
    clip: str | None,
    duration_s: float | None,
    anomalous: str | None,
    annotation: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Compare PREDICTED segments with TRUTH, and with chance.

    Either side is a run directory, a folder of run directories, truth.json, a JSON array as `detect` prints it, a CSV
    file with a start and an end column, or a transcript with lines like `[00:01:22 - 00:01:24] what happens`.

    With --annotation, TRUTH is what a model has said of the run: a line for each action, its subtask or `idle`. So
    `eval runs/clip runs/clip --annotation NAME --anomalous 'idle|wait'` compares the detector with the model.

    Events are matched one to one. F1@0.5 counts matches with an IoU of at least 0.5, F1±5s those with both edges
    within 5 s. false/h is the number of predictions per hour that touch no true event. The random control has as many
    events of the same lengths, anywhere in the clip.
    """
    if annotation is not None and not truth.is_dir():
        raise UsageError(f"--annotation {annotation} names an annotation of a run, and {truth} is no run directory")
    true = read_tracks(truth, annotation)
    chosen = paired(read_tracks(predicted), true, clip)
    cases = make_cases(chosen, duration_s, anomalous)
    broken = [sentence for case in cases for sentence in case.broken]
    for sentence in broken:
        echo(f"left out: {sentence}", err=True)
    notes = [note for case in cases for note in case.notes]
    notes.extend(left_out(true, chosen))
    evaluation = judge_clips([case.clip for case in cases], seed)
    if as_json:
        click.echo(json.dumps(document(evaluation, notes, broken), indent=1, allow_nan=False))
    else:
        show(evaluation, notes, Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH))


def make_cases(
    chosen: Sequence[tuple[str, Track, Track]], duration_s: float | None, anomalous: str | None
) -> list[EvaluationCase]:
    """The clips to evaluate, from the name, predictions and truth of each and the options of the command.

    Raises:
        UsageError: an option does not apply to these clips.
        InputError: the events of a clip contradict each other.
    """
    pattern = _compiled(anomalous)
    if duration_s is not None and len(chosen) > 1:
        raise UsageError(
            f"--duration-s {duration_s:g} is the length of one clip, and there are {len(chosen)}: choose with --clip"
        )
    if pattern and not any(track.described for _, *sides in chosen for track in sides):
        raise UsageError(f"--anomalous {anomalous} selects rows of transcripts and event logs, and neither side is one")
    return [make_case(*each, pattern, duration_s) for each in chosen]


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"--anomalous {pattern}: not a regular expression: {error}") from error
