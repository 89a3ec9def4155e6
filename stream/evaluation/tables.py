"""The result as tables: with rules in a terminal, plain and aligned in a pipe."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stream.errors import printable
from stream.evaluation.chance import Chance
from stream.evaluation.evaluation import Evaluation, EvaluationRow
from stream.evaluation.metrics import CRITERIA, EDGE_ERROR_MAX_S, IOU_MIN

PIPE_WIDTH = 300
"""Columns of a pipe: wide enough that no line is wrapped."""
GUESSED = "~ the length of the clip is unknown; the last end in either file is used instead"

_LABELS = dict(
    zip(
        CRITERIA,
        (*(f"IoU {minimum}" for minimum in IOU_MIN), *(f"±{limit:g} s" for limit in EDGE_ERROR_MAX_S)),
        strict=True,
    )
)
_CLIP_COLUMNS = {
    "true": "true_events",
    "pred.": "predicted_events",
    "F1@0.5": "f1_iou_0.5",
    "F1±5s": "f1_edges_5s",
    "IoU": "mean_iou",
    "false/h": "false_events_per_hour",
}
"""Few enough for a terminal of 80 columns; the JSON has all metrics of every clip."""
_TIMES = {
    "opened after the true start": "opening_latency",
    "closed after the true end": "closing_latency",
    "error of the start": "start_error",
    "error of the end": "end_error",
}


def show(evaluation: Evaluation, notes: Sequence[str], console: Console) -> None:
    """Print the clips, the pooled metrics beside chance, the times of matched events, the notes and the verdict."""
    for table in (_clips(evaluation), _qualities(evaluation), _times(evaluation.pooled.row())):
        table.box = SIMPLE_HEAD if console.is_terminal else None
        console.print(table)
        console.print()
    guessed = () if evaluation.duration_known else (GUESSED,)
    for line in (*notes, *guessed, evaluation.verdict):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def cell(value: float | None) -> str:
    """A value for display; ``-`` if it is undefined."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _clips(evaluation: Evaluation) -> Table:
    table = _table("clip", "length s", *_CLIP_COLUMNS)
    named = [(clip.stem, clip.duration_known) for clip in evaluation.clips]
    rows = [(*name, each.row()) for name, each in zip(named, evaluation.judgements, strict=True)]
    if len(rows) > 1:
        rows.append(("pooled", evaluation.duration_known, evaluation.pooled.row()))
    for name, known, row in rows:
        length = f"{'' if known else '~'}{cell(row['duration_s'])}"
        table.add_row(escape(printable(name)), length, *(cell(row[key]) for key in _CLIP_COLUMNS.values()))
    return table


def _qualities(evaluation: Evaluation) -> Table:
    row = evaluation.pooled.row()
    table = _table("criterion", "hits", "precision", "recall", "F1", "random", "95 of 100", "beats it")
    for name, label in _LABELS.items():
        figures = (row[f"hits_{name}"], row[f"precision_{name}"], row[f"recall_{name}"], row[f"f1_{name}"])
        table.add_row(label, *map(cell, figures), *_chance_cells(evaluation.chances[f"f1_{name}"]))
    seconds = (row["time_precision"], row["time_recall"], row["time_f1"])
    table.add_row("seconds", "", *map(cell, seconds), *_chance_cells(evaluation.chances["time_f1"]))
    table.add_row("mean IoU", "", "", "", cell(row["mean_iou"]), *_chance_cells(evaluation.chances["mean_iou"]))
    return table


def _chance_cells(chance: Chance | None) -> tuple[str, str, str]:
    if chance is None:
        return "-", "-", "-"
    return cell(chance.random_mean), cell(chance.random_p95), "yes" if chance.beats else "no"


def _times(row: EvaluationRow) -> Table:
    table = _table(f"of {row['matched_events']} matched events, seconds", "median", "worst")
    for label, name in _TIMES.items():
        table.add_row(label, cell(row[f"{name}_median_s"]), cell(row[f"{name}_worst_s"]))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(pad_edge=False, header_style="dim")
    table.add_column(first, overflow="fold", min_width=8)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
