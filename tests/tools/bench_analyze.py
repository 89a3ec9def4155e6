"""Time and memory of ``analyze`` on a long stream: ``python -m tests.tools.bench_analyze --hours 8``."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import GrowingArray

TOKENS, DIMS = 32, 1024
"""Of a window, as V-JEPA 2 ViT-L makes it from 64 frames."""
PERIOD_WINDOWS = 8
EVENT_WINDOWS = 60


@click.command()
@click.option("--hours", default=8.0, show_default=True, help="Length of the stream, a window a second.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the arrays go.  [default: the temporary folder]")
def main(hours: float, folder: Path | None) -> None:
    """Make embeddings of repetitive work with one event an hour, and analyze them on one core."""
    count = round(hours * 3600)
    with TemporaryDirectory(dir=folder) as scratch:
        write_arrays(Path(scratch), count)
        disk_bytes = sum(path.stat().st_size for path in Path(scratch).iterdir())
        began = time.monotonic()
        used = run_on_one_core([sys.executable, "-m", "stream.cli", "analyze", scratch])
        wall_s = time.monotonic() - began
    click.echo(f"windows      {count:>9,}")
    click.echo(f"on disk      {disk_bytes / 2**20:>9,.0f} MiB")
    click.echo(f"wall         {wall_s:>9.1f} s, one core")
    click.echo(f"cpu          {used.ru_utime + used.ru_stime:>9.1f} s")
    click.echo(f"peak memory  {used.ru_maxrss / 1024:>9,.0f} MiB resident, file pages included")


def run_on_one_core(command: list[str]) -> resource.struct_rusage:
    """Run a program to its end; returns what it used.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used


def write_arrays(folder: Path, count: int) -> None:
    """A clip's three arrays: a cycle of unlike windows under noise, once an hour something else."""
    generator = np.random.default_rng(0)
    cycle = generator.standard_normal((PERIOD_WINDOWS + 1, TOKENS, DIMS), np.float32)
    noise = generator.standard_normal((64, TOKENS, DIMS), np.float32)
    layout = RunLayout(folder, "long")
    mean = GrowingArray(layout.embeddings, (DIMS,), "<f4")
    temporal = GrowingArray(layout.temporal, (TOKENS, DIMS), "<f2")
    for window in range(count):
        event = window % 3600 >= 3600 - EVENT_WINDOWS
        tokens = cycle[:-1].mean(axis=0) + 0.3 * cycle[-1 if event else window % PERIOD_WINDOWS]
        tokens += 0.5 * noise[generator.integers(len(noise))]
        temporal.put(window, tokens)
        mean.put(window, tokens.mean(axis=0))
    mean.close()
    temporal.close()
    np.save(layout.timestamps, np.arange(count, dtype=np.float64))


if __name__ == "__main__":
    main()
