"""The result: one table for people, one JSON object for programs."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stream.errors import printable
from stream.evaluation.tables import cell
from tests.tools.ablation.compare import VariantResult
from tests.tools.ablation.outcome import NEAR_S
from tests.tools.ablation.variants import Variant

_COLUMNS = {
    "events": "predicted_events",
    "hits": "hits_iou_0.5",
    "F1": "f1_iou_0.5",
    "IoU": "mean_iou",
    "false/h": "false_events_per_hour",
    "late": "opening_latency_median_s",
    "start": "start_error_median_s",
    "end": "end_error_median_s",
    "edges": "edges",
    "right": "right_edges",
    "separ.": "separability",
}
_LEGEND = (
    "events, hits, F1: predicted ones, and those matched with an IoU of at least 0.5",
    "IoU: mean over the true events; false/h: predicted events that touch no true one, by the hour",
    "late: from the true start until the event was known; start, end: errors of the edges; medians of the matched, s",
    f"edges, right: all that were told, and those within {NEAR_S:g} s of a true one",
    "separ.: median score in true anomalies over that of all other windows, in 1.4826 MAD of the others",
)


def show(results: Sequence[VariantResult], console: Console) -> None:
    """Print a row for each variant, what the columns mean, and which settings changed nothing."""
    console.print(_table(results, ruled=console.is_terminal))
    console.print()
    for line in (*_LEGEND, *_remarks(results)):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def document(results: Sequence[VariantResult]) -> dict[str, Any]:
    """Plain JSON types. What is not defined is null, never NaN; a variant that was not run has no figures."""
    return {"v": 1, "variants": [_variant(result) for result in results], "idle": idle_settings(results)}


def _variant(result: VariantResult) -> dict[str, Any]:
    variant = result.variant
    return {
        "varies": variant.varies,
        "variant": variant.name,
        "encoder": variant.series,
        "detector": variant.detect.__name__,
        "options": variant.changed(),
        "not_run": variant.not_run or None,
        "pooled": result.row() or None,
        "clips": result.rows(),
    }


def _table(results: Sequence[VariantResult], *, ruled: bool) -> Table:
    """In a terminal, which has an edge, a variant's options stand with its name; in a pipe they stand last."""
    table = Table(box=SIMPLE_HEAD if ruled else None, pad_edge=False, padding=(0, 0 if ruled else 2, 0, 0))
    table.add_column("variant", overflow="fold", min_width=12)
    for title in _COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    if not ruled:
        table.add_column("options")
    for _, group in groupby(results, key=lambda result: result.variant.varies):
        table.add_section()
        for result in group:
            row, name, settings = result.row(), result.variant.name, _changes(result.variant)
            figures = (cell(row.get(key)) for key in _COLUMNS.values())
            if ruled:
                table.add_row(escape(printable(f"{name} ({settings})" if settings else name)), *figures)
            else:
                table.add_row(escape(printable(name)), *figures, escape(printable(settings)))
    return table


def _changes(variant: Variant) -> str:
    """What was changed, or why the variant was not run."""
    return variant.not_run or ", ".join(f"{name} {value:g}" for name, value in variant.changed().items())


def _remarks(results: Sequence[VariantResult]) -> Iterator[str]:
    """What cannot be seen in the rows."""
    encoders = sum(result.variant.varies == "encoder" for result in results)
    if encoders:
        yield f"the first {encoders} rows compare encoders, the others detectors on {results[-1].variant.series}"
    if idle := idle_settings(results):
        yield f"no figure differs from the causal detector's: {'; '.join(idle)}"


def idle_settings(results: Sequence[VariantResult]) -> list[str]:
    """The changed detector settings under which no figure of any clip is another."""
    detectors = [result for result in results if result.variant.varies == "detector"]
    rows = {result.variant.name: result.rows() for result in detectors}
    unchanged = next(rows[each.variant.name] for each in detectors if each.variant.is_default())
    return [each.variant.name for each in detectors if each.variant.changed() and rows[each.variant.name] == unchanged]
