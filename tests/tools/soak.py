"""Whether anything grows: many short clips one after another, or one that lasts for hours, watched from outside.

    python -m tests.tools.soak clips --clips 1000     short clips, one after another, in one process tree
    python -m tests.tools.soak hours --hours 8        one long clip, as fast as it goes
    python -m tests.tools.soak hours --annotated      the same, every 5 s of it described by a server of the bench

Of every process of the program: resident memory, open files, threads and mappings of shared memory; besides, entries
in the folder for temporary files, and bytes of the keyframe cache. What is judged is the slope, over a thousand clips
or an hour of video, after the first fifth: it is the median of the slopes between all pairs of looks (Theil and Sen),
so that a peak here and there does not count; ``from`` and ``to`` are medians, too. ``--wall-s`` ends a soak early; the
slopes are of what was done by then.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import psutil

from stream.bench.clips import repeat_clip
from stream.demo.render import render_demo
from stream.records.schema.health import read_health
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import machine
from tests.support.echo_server import MODEL, answering

LIMITS: Final = {"rss_mib": 4.0, "files": 1.0, "threads": 1.0, "shm_maps": 0.5, "temp_entries": 1.0, "spool_mib": 0.1}
"""The steepest slope that counts as flat, for a thousand clips."""
HOURS_LIMITS: Final = LIMITS | {"rss_mib": 0.5}
"""For an hour of video: a process that may serve a camera for a month may not take 400 MiB more in it. What grows by
right is the name and the outcome of each segment, 20 KiB an hour, and what is described, about 1 MiB an hour; a soak
has no annotator. One of less than about two hours of video measures mostly how caches and the heap fill."""
_SIZE: Final = (160, 96)
_SETTLED: Final = 0.2
"""Of the way: before, caches fill."""
_LOOK_EVERY_S: Final = 1.0
_SPOOL_MIB: Final = 1
"""It is full before it is judged."""
_COMMON: Final = (
    "--encoder",
    "grid",
    "--keyframe-px",
    "64",
    "--keyframe-cache-mib",
    str(_SPOOL_MIB),
    "--log-format",
    "json",
)

_DESCRIBED: Final = (
    "--annotator", "openai", "--annotator-model", MODEL, "--annotator-max-wait-s", "0", "--detector-max-segment-s", "5",
)  # fmt: skip


@dataclass
class Watch:
    """All looks at a soak: of each thing, where on the way it was looked at, and what was seen."""

    limits: Mapping[str, float] = field(default_factory=lambda: LIMITS)
    seen: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def note(self, way: float, values: Iterator[tuple[str, float]]) -> None:
        for name, value in values:
            self.seen[name].append((way, value))

    def figures(self) -> dict[str, dict[str, Any]]:
        """Of each thing the least, the most, the slope, and whether that is within its limit."""
        return {name: self._figure(name, np.array(looks)) for name, looks in sorted(self.seen.items())}

    def _figure(self, name: str, looks: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
        settled = looks[looks[:, 0] >= _SETTLED * looks[:, 0].max()]
        steepness = slope(settled[:, 0], settled[:, 1])
        tenth = len(settled) // 10 + 1
        return {
            "looks": len(settled),
            "from": round(float(np.median(settled[:tenth, 1])), 2),
            "to": round(float(np.median(settled[-tenth:, 1])), 2),
            "max": round(float(settled[:, 1].max()), 2),
            "slope": None if steepness is None else round(steepness, 3) + 0.0,
            "limit": (limit := self.limits[name.rpartition(" ")[2]]),
            "held": steepness is not None and steepness <= limit,
        }


def slope(ways: np.ndarray[Any, np.dtype[np.float64]], values: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    """The median slope over all pairs at different places; None if there are none."""
    ways, values = ways[:: len(ways) // 1000 + 1], values[:: len(values) // 1000 + 1]  # a million pairs at most
    one, other = np.triu_indices(len(ways), 1)
    apart = ways[other] != ways[one]
    run, rise = (ways[other] - ways[one])[apart], (values[other] - values[one])[apart]
    return float(np.median(rise / run)) if run.size else None


def soak_clips(folder: Path, clips: int, wall_s: float | None) -> Watch:
    """Clips of four seconds, in one folder. Only the supervisor outlives a clip, so only it is judged."""
    many = folder / "clips"
    many.mkdir()
    render_demo(many / "0000.mp4", seconds=4.0, size=_SIZE)
    for number in range(1, clips):
        (many / f"{number:04}.mp4").hardlink_to(many / "0000.mp4")
    return _watch(Watch(), folder, many, wall_s, lambda out: _clips_done(out) / 1000, {"supervisor"})


def soak_hours(folder: Path, hours: float, wall_s: float | None, *, annotated: bool = False) -> Watch:
    """One clip of so many hours."""
    render_demo(folder / "piece.mp4", seconds=60.0, size=_SIZE)
    repeat_clip(folder / "piece.mp4", folder / "long.mp4", round(hours * 60))
    if not annotated:
        return _watch(Watch(HOURS_LIMITS), folder, folder / "long.mp4", wall_s, _hours_done)
    with answering() as url:
        asks = (*_DESCRIBED, "--annotator-url", url)
        return _watch(Watch(HOURS_LIMITS), folder, folder / "long.mp4", wall_s, _hours_done, more=asks)


def _watch(
    watch: Watch,
    folder: Path,
    source: Path,
    wall_s: float | None,
    progress: Callable[[Path], float],
    only: set[str] | None = None,
    more: Sequence[str] = (),
) -> Watch:
    """Run the program and look at it once a second until it ends, or is stopped after ``wall_s``."""
    out, temporary = folder / "runs", folder / "tmp"
    temporary.mkdir()
    words = [sys.executable, "-m", "stream.cli", "run", str(source), *_COMMON, *more, "--out", str(out)]
    stop_at = time.monotonic() + (wall_s or math.inf)
    with (
        (folder / "said").open("wb") as output,
        subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=output, env={**os.environ, "TMPDIR": str(temporary)}
        ) as process,
    ):
        while process.poll() is None:
            if time.monotonic() > stop_at:
                process.terminate()
                stop_at = math.inf
            watch.note(progress(out), _look(process.pid, out, temporary, only))
            try:
                process.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode not in (0, 143):
        raise RuntimeError(f"the program ended with {process.returncode}: {(folder / 'said').read_text()[-2000:]}")
    return watch


def _look(pid: int, out: Path, temporary: Path, only: set[str] | None) -> Iterator[tuple[str, float]]:
    yield "temp_entries", len(list(temporary.iterdir()))
    if only is None:
        yield "spool_mib", sum(_size_bytes(path) for path in out.glob("*/keyframes/*.jpg")) / 2**20
    try:
        supervisor = psutil.Process(pid)
        children = ((_log(child), child) for child in supervisor.children())
        named = {"supervisor": supervisor} | {log.stem: child for log, child in children if log.suffix == ".log"}
    except psutil.NoSuchProcess:
        return
    for name, process in named.items():
        if only is None or name in only:
            yield from _of_process(name, process)


def _size_bytes(path: Path) -> int:
    """None of a keyframe that has just gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _of_process(name: str, process: psutil.Process) -> Iterator[tuple[str, float]]:
    """Nothing of a process that has just gone."""
    try:
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        values = process.memory_info().rss / 2**20, process.num_fds(), process.num_threads(), maps.count("/dev/shm/")  # noqa: S108 - what is looked for
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return
    for what, value in zip(("rss_mib", "files", "threads", "shm_maps"), values, strict=True):
        yield f"{name} {what}", value


def _log(worker: psutil.Process) -> Path:
    """The file to which it says what goes wrong, ``logs/<name>.log``; another one while it is only being started."""
    return Path(f"/proc/{worker.pid}/fd/2").resolve()


def _clips_done(out: Path) -> int:
    record = out / "series.json"
    return len(json.loads(record.read_text())["clips"]) if record.exists() else 0


def _hours_done(out: Path) -> float:
    path = RunLayout(out / "long", "long").health
    return read_health(path).decoded_s / 3600 if path.exists() else 0.0


@click.command()
@click.argument("what", type=click.Choice(["clips", "hours"]))
@click.option("--clips", default=1000, show_default=True, help="How many short clips.")
@click.option("--hours", default=8.0, show_default=True, help="Length of the long clip.")
@click.option("--annotated", is_flag=True, help="With hours: every segment is described by a server of the bench.")
@click.option("--wall-s", type=float, help="Stop after so long.  [default: at the end]")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write everything here, too.")
def main(what: str, clips: int, hours: float, wall_s: float | None, json_path: Path | None, *, annotated: bool) -> None:
    """Soak the program; exit 1 if anything grows faster than its limit."""
    with tempfile.TemporaryDirectory(prefix="egoclean-soak-") as name:
        folder, began_at = Path(name), time.monotonic()
        if what == "clips":
            watch = soak_clips(folder, clips, wall_s)
        else:
            watch = soak_hours(folder, hours, wall_s, annotated=annotated)
    figures = watch.figures()
    way = max(looks[-1][0] for looks in watch.seen.values())
    amount = f"{round(1000 * way)} clips" if what == "clips" else f"{way:.2f} hours of video"
    click.echo(f"{machine()['cpu']}: {amount} in {time.monotonic() - began_at:.0f} s; slopes are for {_unit(what)}")
    click.echo(f"{'':24}{'from':>9}{'to':>9}{'most':>9}{'slope':>10}{'limit':>8}")
    for each, figure in figures.items():
        cells = f"{figure['from']:9}{figure['to']:9}{figure['max']:9}{figure['slope']!s:>10}{figure['limit']:8}"
        click.echo(f"{each:24}{cells}  {'flat' if figure['held'] else 'GROWS'}")
    if json_path is not None:
        json_path.write_text(json.dumps({"done": amount, "figures": figures}, indent=1) + "\n")
    sys.exit(0 if all(figure["held"] for figure in figures.values()) else 1)


def _unit(what: str) -> str:
    return "1000 clips" if what == "clips" else "an hour of video"


if __name__ == "__main__":
    main()
