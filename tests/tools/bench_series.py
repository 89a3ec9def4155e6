"""What many short clips cost in one call, beside the same video as one clip.

    python -m tests.tools.bench_series                      60 clips of 5 s, and 50 clips of 3 s
    python -m tests.tools.bench_series --clips 60 --seconds 5 --jobs 2

CPU seconds of the program and of all of its processes, start-up included, with the ``grid`` encoder and no annotator.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

from stream.bench.clips import repeat_clip
from stream.demo.render import render_demo
from stream.records.schema.manifest import machine

RATIO_MAX = 1.5
"""For clips of 5 s; shorter ones are shown, not judged."""
_JUDGED_S = 5.0
_DEADLINE_S = 3600.0


@dataclass(frozen=True, slots=True)
class CallCost:
    """What one call of the program took."""

    cpu_s: float
    wall_s: float


def measure(*words: str | Path) -> CallCost:
    """Call the program; its processes wait for theirs, so their time is in that of this process's children."""
    before, began_at = _children_cpu_s(), time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "stream.cli", *map(str, words)],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=_DEADLINE_S,
    )
    return CallCost(_children_cpu_s() - before, time.monotonic() - began_at)


def compare(folder: Path, clips: int, seconds: float, jobs: int) -> float:
    """Measure a series and the same video in one clip; print both, and return the ratio of their CPU times."""
    short, long = folder / f"short{seconds:g}", folder / f"long{seconds:g}"
    for place in (short, long):
        place.mkdir()
    piece = short / "clip000.mp4"
    render_demo(piece, seconds=seconds)
    (long / "intrinsics.json").write_bytes((short / "intrinsics.json").read_bytes())
    for number in range(1, clips):
        os.link(piece, short / f"clip{number:03}.mp4")
    repeat_clip(piece, long / "clip.mp4", clips)
    grid = ("--encoder", "grid", "--out")
    whole = measure("run", long / "clip.mp4", *grid, folder / f"whole{seconds:g}")
    series = measure("run", short, "--jobs", str(jobs), *grid, folder / f"series{seconds:g}")
    ratio = series.cpu_s / whole.cpu_s
    extra_s = (series.cpu_s - whole.cpu_s) / (clips - 1)
    click.echo(f"one clip of {clips * seconds:g} s: {whole.cpu_s:.2f} CPU s, {whole.wall_s:.1f} s")
    click.echo(f"{clips} clips of {seconds:g} s, --jobs {jobs}: {series.cpu_s:.2f} CPU s, {series.wall_s:.1f} s")
    click.echo(f"ratio {ratio:.2f}; {extra_s:.3f} CPU s for each further clip")
    return ratio


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command()
@click.option("--clips", type=int, help="Number of clips; with --seconds instead of the usual two series.")
@click.option("--seconds", type=float, default=_JUDGED_S, show_default=True, help="Length of each clip.")
@click.option("--jobs", type=int, default=1, show_default=True)
def main(clips: int | None, seconds: float, jobs: int) -> None:
    """Fail if a series of 5-second clips costs more than 1.5 times the same video as one clip."""
    click.echo(f"{machine()['cpu']}, {machine()['cores']} cores")
    series = [(clips, seconds)] if clips else [(60, _JUDGED_S), (50, 3.0)]
    with tempfile.TemporaryDirectory() as folder:
        ratios = {each_s: compare(Path(folder), count, each_s, jobs) for count, each_s in series}
    sys.exit(ratios.get(_JUDGED_S, 0.0) > RATIO_MAX)


if __name__ == "__main__":
    main()
