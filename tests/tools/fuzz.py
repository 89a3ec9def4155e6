"""What the real program makes of broken clips: each case in a process of its own, with a deadline and bounded memory.

    python -m tests.tools.fuzz --cases 500 --seed 0
    python -m tests.tools.fuzz --cases 100 --clips FOLDER      also of the videos in a folder

A case is a clip, a container and a mutation (``tests.tools.mutations``), drawn by the seed. Every outcome but these is
a fault, and makes the command end with 1: exit 0, exit 4 with ``source.damaged``, exit 3 with one sentence. A hole in
the PTS that the file still has, without ``source.damaged``, is a fault, too. Where exit 0 comes with fewer pictures
than the clip had, nothing in the file tells of the loss, or the container itself leaves them out; these are counted
apart.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median

import av
import click

from stream.demo.render import render_demo
from stream.video.sampling import HOLE_S
from stream.video.timeline import HOLE_PERIODS
from tests.tools.mutations import FORMS, MUTATIONS, remux

_COLUMNS = ("whole", "fewer", "damaged", "refused", "FAULT")


@dataclass(frozen=True, slots=True)
class BrokenClip:
    """One broken clip."""

    clip: str
    form: str
    mutation: str
    number: int

    @property
    def name(self) -> str:
        """As the seed of its chance, and in what is printed."""
        return f"{self.clip} {self.form} {self.mutation} {self.number}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run of the program."""

    deadline_s: float
    memory_bytes: int
    """Of address space, each process."""


class Clips:
    """The intact clips in every container, and how many pictures each has."""

    def __init__(self, folder: Path, sources: list[Path]) -> None:
        self._paths: dict[tuple[str, str], Path] = {}
        self._folder = folder
        for source in sources:
            for name, form in FORMS.items():
                path = folder / f"{source.stem}-{name}{form.ending}"
                try:
                    path.write_bytes(remux(source, form))
                except (av.FFmpegError, ValueError) as error:
                    click.echo(f"{source.name} is left out as {name}: {error}", err=True)
                    continue
                self._paths[source.stem, name] = path

    def cases(self, count: int, seed: int) -> Iterator[BrokenClip]:
        """As many as requested; every clip, container and mutation in turn."""
        kinds = [(clip, form, mutation) for mutation in MUTATIONS for clip, form in self._paths]
        Random(seed).shuffle(kinds)
        return (BrokenClip(*kinds[number % len(kinds)], seed + number // len(kinds)) for number in range(count))

    def broken(self, case: BrokenClip) -> Path:
        """The case's file."""
        form = FORMS[case.form]
        path = self._folder / f"case{form.ending}"
        path.write_bytes(MUTATIONS[case.mutation](self._paths[case.clip, case.form], form, _chance(case)))
        return path

    def pictures(self, case: BrokenClip) -> int:
        """Of the intact clip."""
        with av.open(str(self._paths[case.clip, case.form])) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)


def _chance(case: BrokenClip) -> Random:
    return Random(case.name)


def run_case(clip: Path, out: Path, limits: Limits) -> tuple[int | None, str]:
    """The program's exit code, None at the deadline, and what it said on standard error."""
    words = [sys.executable, "-m", "stream.cli", str(clip), "--no-rectify", "--encoder", "grid", "--out", str(out)]

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))

    try:
        result = subprocess.run(
            [*words, "--overwrite", "--max-restarts", "0"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limits.deadline_s,
            check=False,
            preexec_fn=bounded,
        )
    except subprocess.TimeoutExpired:
        return None, f"no end within {limits.deadline_s:g} s"
    return result.returncode, result.stderr


def hole_s(clip: Path) -> float:
    """The longest stretch between two PTS of a clip that is a hole; 0 if none is."""
    pts_s: list[float] = []
    with suppress(av.FFmpegError, IndexError), av.open(str(clip)) as container:  # it may break off: what came, counts
        displayed = (packet for packet in container.demux(video=0) if packet.size and not packet.is_discard)
        pts_s.extend(float(packet.pts * packet.time_base) for packet in displayed if packet.pts is not None)
    steps_s = [after - before for before, after in pairwise(sorted(pts_s))]
    longest_s, period_s = max(steps_s, default=0.0), median(steps_s or [0.0])
    return longest_s if longest_s > period_s + max(HOLE_S, HOLE_PERIODS * period_s) else 0.0


def outcome(
    code: int | None, message: str, run_dir: Path, pictures: int, longest_hole_s: float = 0.0
) -> tuple[str, str]:
    """The column that the case counts in, and why where that is a fault."""
    if code == 3 and len(message.splitlines()) == 1:
        return "refused", ""
    if code not in (0, 4):
        return "FAULT", f"exit {code}: {message.strip()}"
    run_events = [json.loads(line) for line in (run_dir / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    damaged = any(event["event"] == "source.damaged" for event in run_events)
    if damaged != (code == 4):
        return "FAULT", f"exit {code} {'with' if damaged else 'without'} source.damaged"
    if damaged:
        return "damaged", ""
    if longest_hole_s:
        return "FAULT", f"a hole of {longest_hole_s:.2f} s without source.damaged"
    return ("whole" if run_events[-1]["frames"] == pictures else "fewer"), ""


@click.command()
@click.option("--cases", default=500, show_default=True, help="How many broken clips.")
@click.option("--seed", default=0, show_default=True, help="Decides every one of them.")
@click.option("--clips", type=click.Path(path_type=Path, exists=True), help="Folder of videos to break as well.")
@click.option("--deadline-s", default=120.0, show_default=True, help="For one run of the program.")
@click.option("--memory-gib", default=4.0, show_default=True, help="Address space of each of its processes.")
def main(cases: int, seed: int, clips: Path | None, deadline_s: float, memory_gib: float) -> None:
    """Run the program on broken clips and count what becomes of them."""
    limits, table, faults = Limits(deadline_s, int(memory_gib * 2**30)), Counter[tuple[str, str, str]](), 0
    with tempfile.TemporaryDirectory(prefix="egoclean-fuzz-") as name:
        folder = Path(name)
        render_demo(folder / "demo.mp4", seconds=4.0, size=(192, 128))
        intact = Clips(folder, [folder / "demo.mp4", *(sorted(clips.iterdir()) if clips else ())])
        for case in intact.cases(cases, seed):
            path = intact.broken(case)
            code, message = run_case(path, folder / "runs", limits)
            column, why = outcome(code, message, folder / "runs" / path.stem, intact.pictures(case), hole_s(path))
            table[case.form, case.mutation, column] += 1
            if column == "FAULT":
                faults += 1
                click.echo(f"{case.name}: {why}")
    show(table)
    sys.exit(1 if faults else 0)


def show(table: Counter[tuple[str, str, str]]) -> None:
    """A row for each container, and one for each mutation."""
    for title, axis in (("container", 0), ("mutation", 1)):
        click.echo(f"\n{title:20}" + "".join(f"{column:>9}" for column in _COLUMNS))
        for name in dict.fromkeys(key[axis] for key in sorted(table)):
            counts = Counter(dict.fromkeys(_COLUMNS, 0))
            for key, count in table.items():
                counts[key[2]] += count * (key[axis] == name)
            click.echo(f"{name:20}" + "".join(f"{counts[column]:9}" for column in _COLUMNS))
    totals = Counter({column: sum(n for key, n in table.items() if key[2] == column) for column in _COLUMNS})
    click.echo(f"{'all':20}" + "".join(f"{totals[column]:9}" for column in _COLUMNS))


if __name__ == "__main__":
    main()
