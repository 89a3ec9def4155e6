"""Kills the processes of real runs at random moments, and looks whether the runs end like one that nothing befell.

    python -m tests.tools.kills --times 100 --seed 1

What is killed, by SIGKILL, is one process of the chain, or the supervisor, or all at once. A run whose supervisor has
gone is restarted by the same command. A server of the bench's own describes the segments. All that a run leaves must
be equal byte for byte, but for times of day and the seconds that answers took: arrays, keyframes, annotations, the
answers' words, what the chain told in its events, and what became of each segment.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click
import psutil

from stream.bench.clips import repeat_clip
from stream.demo.render import render_demo
from stream.errors import ExitCode
from stream.records.schema.layout import RunLayout
from stream.runtime.processes import PROCESSES
from tests.support.compared import answers_of, differences
from tests.support.echo_server import MODEL, answering

_WORKERS = tuple(PROCESSES)
TARGETS = (*_WORKERS, "supervisor", "all")
_GENTLE = (
    "--encoder",
    "grid",
    "--detector-warmup-s",
    "8",
    "--detector-settle-windows",
    "0",
    "--detector-max-segment-s",
    "12",
)
"""The detector as quick as it can be: a short clip then has segments of both kinds."""
_LONGEST_WAIT_S = 4.0
"""Before a kill: longer than a start, so that some kills come before the first item and some after many."""
_LEAVE_S = 10.0
"""For the processes of a supervisor that was killed, to see it and to go."""


@dataclass
class Figures:
    """What many kills came to."""

    runs: int = 0
    """Finished, and compared with the one that nothing befell."""
    kills: Counter[str] = field(default_factory=Counter)
    described: int = 0
    """Segments of the run that nothing befell which have an answer."""
    differences: list[str] = field(default_factory=list)
    windows_repeated: int = 0
    """Given to the encoder more often than once, in all runs."""
    most_repeated_a_kill: float = 0.0
    """Of the runs, the largest ratio of windows repeated to kills."""
    left: list[str] = field(default_factory=list)
    """Processes, sockets and parts of files that were left behind."""
    wall_s: float = 0.0

    @property
    def held(self) -> bool:
        """Whether something is described, nothing differs or is left, and no kill repeats more than one window."""
        return self.described > 0 and not self.differences and not self.left and self.most_repeated_a_kill <= 1


class Tormentor:
    """Runs one clip over and over, and kills."""

    def __init__(self, clip: Path, folder: Path, annotator_url: str, seed: int) -> None:
        """``folder`` takes the runs, and, in place of the system's own, all temporary files."""
        self._clip = clip
        self._asks = ("--annotator", "openai", "--annotator-url", annotator_url, "--annotator-model", MODEL)
        self._folder = folder
        self._random = random.Random(seed)
        self._victims: list[psutil.Process] = []
        (folder / "tmp").mkdir()

    def torment(self, times: int) -> Figures:
        """Kill ``times`` times, in as many runs as that takes."""
        figures, began_at = Figures(), time.monotonic()
        whole = self._run(0, Counter())
        figures.described = len(answers_of(whole))
        while (left := times - figures.kills.total()) > 0:
            killed: Counter[str] = Counter()
            run = self._run(left, killed)
            figures.runs += 1
            figures.kills += killed
            figures.differences += differences(run, whole)
            repeated = encoded(run) - encoded(whole)
            figures.windows_repeated += repeated
            figures.most_repeated_a_kill = max(figures.most_repeated_a_kill, repeated / max(1, killed.total()))
        figures.left = self._left_behind()
        figures.wall_s = round(time.monotonic() - began_at, 1)
        return figures

    def _run(self, most_kills: int, killed: Counter[str]) -> RunLayout:
        """One run from its beginning to its end; ``killed`` counts what was done to it."""
        out = Path(tempfile.mkdtemp(dir=self._folder, prefix="run-"))
        words = [
            sys.executable,
            "-m",
            "stream.cli",
            "run",
            str(self._clip),
            *_GENTLE,
            *self._asks,
            "--max-restarts",
            "1000000",
        ]
        while True:
            with subprocess.Popen(
                [*words, "--max-restarts", "1000000", "--out", str(out)],
                stdout=subprocess.DEVNULL,
                env={**os.environ, "TMPDIR": str(self._folder / "tmp")},
            ) as process:
                was_killed = self._harass(process, most_kills, killed)
            if not was_killed:
                if process.returncode not in (ExitCode.DONE, ExitCode.PARTIAL):
                    raise RuntimeError(f"the run in {out} ended with {process.returncode} after {dict(killed)}")
                return RunLayout(out / self._clip.stem, self._clip.stem)

    def _harass(self, process: "subprocess.Popen[bytes]", most_kills: int, killed: Counter[str]) -> bool:
        """Kill parts of one program until it ends, or is killed itself; whether it was."""
        while killed.total() < most_kills:
            try:
                process.wait(self._random.uniform(0.0, _LONGEST_WAIT_S))
            except subprocess.TimeoutExpired:
                target = self._random.choice(TARGETS)
                if self._kill(process, target):
                    killed[target] += 1
                    if target in ("supervisor", "all"):
                        return True
            else:
                return False
        process.wait()
        return False

    def _kill(self, process: "subprocess.Popen[bytes]", target: str) -> bool:
        """Whether there was something to kill."""
        workers = psutil.Process(process.pid).children()
        self._victims += workers
        if target in _WORKERS:
            workers = [worker for worker in workers if _log_of(worker) == f"{target}.log"]
        else:
            process.kill()
        for worker in [] if target == "supervisor" else workers:
            worker.kill()
        return bool(workers) or target not in _WORKERS

    def _left_behind(self) -> list[str]:
        alive = psutil.wait_procs(self._victims, timeout=_LEAVE_S)[1]
        parts = [path for pattern in ("*.part", "*.tmp") for path in self._folder.rglob(pattern)]
        return [*map(str, alive), *map(str, parts), *map(str, (self._folder / "tmp").iterdir())]


def encoded(run: RunLayout) -> int:
    """Windows that were given to the encoder, in all attempts, as ``run.json`` says it."""
    usage: dict[str, int] = json.loads(run.manifest.read_text())["usage"]
    return usage["windows_encoded"]


def _log_of(worker: psutil.Process) -> str:
    """Name of the file to which it says what goes wrong; empty if it has just gone."""
    error_output = Path(f"/proc/{worker.pid}/fd/2")
    return error_output.resolve().name if error_output.exists() else ""


@click.command()
@click.argument("clip", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--times", default=100, show_default=True, help="Kills.")
@click.option("--seed", default=1, show_default=True, help="Decides what is killed, and when.")
def main(clip: Path | None, times: int, seed: int) -> None:
    """Kill real runs of CLIP, or of a rendered one of three minutes; exit 1 if anything is amiss."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="egoclean-kills-")))
        if clip is None:
            render_demo(folder / "short.mp4", seconds=60.0)
            clip = folder / "clip.mp4"
            repeat_clip(folder / "short.mp4", clip, 3)
        figures = Tormentor(clip, folder, stack.enter_context(answering()), seed).torment(times)
    click.echo(json.dumps({**vars(figures), "held": figures.held}, indent=1))
    sys.exit(0 if figures.held else 1)


if __name__ == "__main__":
    main()
