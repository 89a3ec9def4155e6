"""Size, time and memory of the report of a long run: ``python -m tests.tools.bench_report --hours 8 --segments 5000``.

The run is synthetic: windows as V-JEPA 2 makes them, a keyframe of 854x480 a second, most segments described.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np

from tests.support.report_runs import ReportRun, jpeg, make_report_run
from tests.tools.bench_analyze import DIMS, TOKENS, run_on_one_core

SIZE_MB_MAX, WALL_S_MAX, MEMORY_MIB_MAX = 30.0, 60.0, 1024.0
_TEXTURES = 32
"""Different keyframes, in turn."""


@click.command()
@click.option("--hours", default=8.0, show_default=True, help="Length of the run, a window and a keyframe a second.")
@click.option("--segments", default=5000, show_default=True, help="Segments of equal length.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the run goes.  [default: the temporary folder]")
def main(hours: float, segments: int, folder: Path | None) -> None:
    """Write a run and its report, on one core; exit 1 if a limit is not held."""
    with TemporaryDirectory(dir=folder) as made:
        textures = [jpeg(textured(number)) for number in range(_TEXTURES)]
        run = ReportRun(segments=segments, segment_s=hours * 3600 / segments, dims=(TOKENS, DIMS))
        root = make_report_run(Path(made), run, lambda t_s: textures[int(t_s) % _TEXTURES])
        out = Path(made) / "report.html"
        began = time.monotonic()
        used = run_on_one_core([sys.executable, "-m", "stream.cli", "report", str(root), "--out", str(out)])
        wall_s, size_mb, memory_mib = time.monotonic() - began, out.stat().st_size / 1e6, used.ru_maxrss / 1024
    click.echo(f"segments     {segments:>9,} in {hours:g} h")
    click.echo(f"page         {size_mb:>9.1f} MB (limit {SIZE_MB_MAX:g})")
    click.echo(f"wall         {wall_s:>9.1f} s, one core (limit {WALL_S_MAX:g})")
    click.echo(f"cpu          {used.ru_utime + used.ru_stime:>9.1f} s")
    click.echo(f"peak memory  {memory_mib:>9,.0f} MiB resident, file pages included (limit {MEMORY_MIB_MAX:g})")
    sys.exit(0 if size_mb <= SIZE_MB_MAX and wall_s <= WALL_S_MAX and memory_mib <= MEMORY_MIB_MAX else 1)


def textured(seed: int) -> np.ndarray:
    """(480, 854, 3) uint8: noise of several scales, which a JPEG compresses about as a workbench."""
    generator = np.random.default_rng(seed)
    picture = np.zeros((480, 854, 3), np.float32)
    for cells, weight in ((6, 90.0), (24, 60.0), (96, 30.0)):
        noise = generator.random((cells, 2 * cells, 3), np.float32)
        picture += weight * cv2.resize(noise, (854, 480), interpolation=cv2.INTER_CUBIC)
    return picture.clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
