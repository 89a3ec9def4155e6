"""What the whole program costs beside decoding alone.

    python -m tests.tools.bench_program                     3 minutes of 456x256, and 30 s of 1080p at 8 Mb/s
    python -m tests.tools.bench_program small --rounds 5

CPU seconds of one call of the program with all of its processes, start-up included, with the ``grid`` encoder and no
annotator; and of decoding the same clip with PyAV in a loop, start-up not included. Medians over interleaved rounds.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from stream.bench.clips import repeat_clip
from stream.demo.render import render_demo
from stream.records.schema.manifest import machine
from stream.video.packets import THREADED_FROM_PX

_DEADLINE_S: Final = 3600.0
_DECODE: Final = f"""
import sys, time, av
began_s = time.process_time()
with av.open(sys.argv[1]) as container:
    stream = container.streams.video[0]
    if stream.width * stream.height > {THREADED_FROM_PX}:
        stream.thread_type = "AUTO"
    for _ in container.decode(stream):
        pass
print(time.process_time() - began_s)
"""
"""A program of its own; large pictures are decoded by several threads, as in the chain."""


@dataclass(frozen=True, slots=True)
class Case:
    """A clip, and the limit for it."""

    name: str
    ratio_max: float
    seconds: float
    """Length of the piece that is repeated."""
    times: int
    size: tuple[int, int]
    crf: int

    def clip(self, folder: Path) -> Path:
        """Make it."""
        folder.mkdir()
        piece, clip = folder / "piece.mp4", folder / "clip.mp4"
        render_demo(piece, seconds=self.seconds, size=self.size, crf=self.crf)
        repeat_clip(piece, clip, self.times)
        return clip


CASES: Final = {
    "small": Case("3 minutes of 456x256", 3.0, 60.0, 3, (456, 256), 24),
    "large": Case("30 s of 1920x1080", 1.35, 10.0, 3, (1920, 1080), 14),
}


def decoding(clip: Path) -> float:
    """CPU seconds of decoding all frames, by all threads."""
    done = subprocess.run(
        [sys.executable, "-c", _DECODE, str(clip)], check=True, capture_output=True, timeout=_DEADLINE_S
    )
    return float(done.stdout)


def program(clip: Path) -> float:
    """CPU seconds of the program and its processes, for all of which it waits."""
    before_s = _children_cpu_s()
    words = ["run", clip, "--encoder", "grid", "--out", clip.parent / "runs", "--overwrite"]
    command = [sys.executable, "-m", "stream.cli", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_DEADLINE_S)
    return _children_cpu_s() - before_s


def compare(case: Case, folder: Path, rounds: int) -> float:
    """Measure both, print them, and return their ratio."""
    clip = case.clip(folder)
    ways: dict[str, Callable[[Path], float]] = {"decoding": decoding, "program": program}
    cpu_s: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            cpu_s[name].append(way(clip))
    ratio = statistics.median(whole / alone for whole, alone in zip(cpu_s["program"], cpu_s["decoding"], strict=True))
    medians = {name: statistics.median(values) for name, values in cpu_s.items()}
    mbit_s = clip.stat().st_size * 8 / 1e6 / (case.seconds * case.times)
    click.echo(
        f"{case.name}, {mbit_s:.1f} Mb/s: decoding {medians['decoding']:.2f} CPU s, program {medians['program']:.2f}"
    )
    click.echo(f"ratio {ratio:.2f} (limit {case.ratio_max:g})")
    return ratio


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*CASES]))
@click.option("--rounds", default=3, show_default=True, help="Interleaved rounds.")
def main(names: tuple[str, ...], rounds: int) -> None:
    """Fail if the program costs more than its limit beside decoding."""
    click.echo(f"{machine()['cpu']}, {machine()['cores']} cores")
    with tempfile.TemporaryDirectory() as folder:
        cases = [CASES[name] for name in names or CASES]
        ratios = [compare(case, Path(folder) / case.name, rounds) for case in cases]
    sys.exit(any(ratio > case.ratio_max for case, ratio in zip(cases, ratios, strict=True)))


if __name__ == "__main__":
    main()
