"""The figures of ``bench align``, for people."""

from typing import Any

from rich.console import Console
from rich.table import Table


def show(measured: dict[str, Any], console: Console) -> None:
    """Print a row for each depth and method, with the means over the scenes."""
    title = f"Warp at {measured['width_px']}x{measured['height_px']}, mean of the exact scenes"
    table = Table("depth", "method", "PSNR dB", "lost %", "false real %", "CPU ms", "speed", title=title)
    for column in table.columns[2:]:
        column.justify = "right"
    for depth, methods in measured["depth"].items():
        slowest_ms = max(each["mean"]["cpu_ms"] for each in methods.values())
        for method, each in methods.items():
            mean = each["mean"]
            table.add_row(
                depth,
                method,
                f"{mean['psnr_db']:.1f}",
                f"{mean['lost_percent']:.2f}",
                f"{mean['false_real_percent']:.1f}",
                f"{mean['cpu_ms']:.1f}",
                f"{slowest_ms / mean['cpu_ms']:.1f}x",
            )
    console.print(table)
