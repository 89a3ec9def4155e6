"""The scores of distances, as a table and as JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stream.alignment.scores.scores import DistanceScore, PictureScore
from stream.alignment.scores.similarity import psnr_db
from stream.alignment.scores.verdict import Verdict
from stream.ui.text import print_line


def show(scores: Sequence[DistanceScore], found: Verdict, console: Console) -> None:
    """Print a line for each distance, and the verdict."""
    table = Table(pad_edge=False, header_style="dim", box=SIMPLE_HEAD if console.is_terminal else None)
    names = ("distance", "PSNR real", "SSIM real", "PSNR all", "SSIM all", "points px", "holes", "borrowed")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for each in scores:
        figures = (
            f"{each.psnr_real_db:.2f}", f"{each.ssim_real:.4f}", f"{each.psnr_all_db:.2f}", f"{each.ssim_all:.4f}",
            f"{each.shift_px:.2f}", f"{each.hole_share:.1%}", f"{each.borrowed_share:.1%}",
        )  # fmt: skip
        label = f"{each.distance_m:g} m" if each.distance_m else "0 (none)"
        table.add_row(label, *("-" if figure == "nan" else figure for figure in figures))
    console.print(table)
    print_line(console, found.sentence)


def document(scores: Sequence[DistanceScore], found: Verdict) -> dict[str, Any]:
    """All scores in plain JSON types; null for what is not measured, or a PSNR of equal pictures."""
    return {"v": 1, "distances": [_distance(each) for each in scores], "verdict": asdict(found)}


def _distance(score: DistanceScore) -> dict[str, Any]:
    return {
        "distance_m": score.distance_m,
        "psnr_real_db": _number(score.psnr_real_db),
        "ssim_real": _number(score.ssim_real),
        "psnr_all_db": _number(score.psnr_all_db),
        "ssim_all": _number(score.ssim_all),
        "shift_px": _number(score.shift_px),
        "hole_share": score.hole_share,
        "borrowed_share": score.borrowed_share,
        "pictures": [_picture(each) for each in score.pictures],
    }


def _picture(score: PictureScore) -> dict[str, Any]:
    return {
        "picture": score.picture,
        "psnr_real_db": _number(psnr_db(score.mse_real)),
        "ssim_real": _number(score.ssim_real),
        "psnr_all_db": _number(psnr_db(score.mse_all)),
        "ssim_all": _number(score.ssim_all),
        "hole_share": score.hole_share,
        "borrowed_share": score.borrowed_share,
        "shifts_px": {name: _number(shift) for name, shift in score.shifts_px.items()},
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
