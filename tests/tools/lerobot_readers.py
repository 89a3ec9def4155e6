"""Reads exports with the releases of LeRobot that people use.

    python -m tests.tools.lerobot_readers install ENVS    packages of each release, in a folder of its own each
    python -m tests.tools.lerobot_readers check ENVS      exports of a clip whose pictures are numbered, read by each

LeRobot pins older packages than ours, so each release gets a folder that precedes our packages on Python's path; torch
and torchvision are ours. torchcodec finds FFmpeg's libraries in the wheel of PyAV. LeRobot 0.6 is for Python 3.12: on
3.11, the few lines of its newer syntax are rewritten in its folder.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from tests.support.coded_run import FPS, CodedSegment, make_coded_run
from tests.support.inline import run_here

LIGHT: Final = (
    "accelerate==1.15.0", "cloudpickle==3.1.3", "deepdiff==8.6.1", "dill==0.3.8", "einops==0.8.2",
    "farama-notifications==0.0.6", "gymnasium==1.2.3", "httpcore==1.0.9", "httpx==0.28.1", "imageio==2.38.1",
    "jsonlines==4.0.0", "mergedeep==1.3.4", "multiprocess==0.70.16", "orderly-set==5.5.0", "pandas==2.3.3",
    "pyserial==3.5", "pytz==2026.6", "pyyaml-include==1.4.1", "termcolor==3.3.0", "toml==0.10.2", "tqdm==4.70.1",
    "typing-inspect==0.9.0", "tzdata==2026.6", "xxhash==4.1.0", "av==15.1.0", "torchcodec==0.13.0",
)  # fmt: skip
WORDS: Final = ("pick up the screw", "drive the screw in")
SEGMENTS: Final = (
    CodedSegment(0.0, 1.5, words=WORDS),
    CodedSegment(1.5, 2.6, "anomalous", failed="the annotator gave no answer"),
    CodedSegment(2.6, 4.0, words=("idle",)),
    CodedSegment(4.0, 5.0, words=("put the tool down",)),
)
LONG_S: Final = 900.0
PAGES: Final = Path(__file__).parents[2] / "docs/exports"
_SNIPPET: Final = re.compile(r"^```python heavy\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""What the page of a format shows; it reads ``datasets/ego``."""


@dataclass(frozen=True)
class Release:
    """A release of LeRobot, and the options of the exports that it reads."""

    packages: tuple[str, ...]
    format_name: str
    language: str


RELEASES: Final = {
    "0.3.3": Release(
        ("lerobot==0.3.3", "datasets==3.6.0", "huggingface-hub==0.34.4", "fsspec==2025.3.0", "draccus==0.10.0"),
        "lerobot21",
        "columns",
    ),
    "0.4.4": Release(
        ("lerobot==0.4.4", "datasets==4.8.5", "huggingface-hub==0.35.3", "fsspec==2025.9.0", "draccus==0.10.0"),
        "lerobot",
        "subtask",
    ),
    "0.6.1": Release(
        ("lerobot==0.6.1", "datasets==4.8.5", "fsspec==2025.9.0", "draccus==0.11.6"),
        "lerobot",
        "columns",
    ),
}


def install(version: str, envs: Path) -> None:
    """The packages of a release in ``ENVS/VERSION``; one that is there stays."""
    target = envs / version
    if target.exists():
        return
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--ignore-requires-python", "--target"]
    subprocess.run([*pip, str(target), *RELEASES[version].packages, *LIGHT], check=True)
    libraries = target / "ffmpeg"
    libraries.mkdir()
    for path in (target / "av.libs").glob("lib*.so.*"):
        if match := re.match(r"(lib(?:av|sw)\w+)-[0-9a-f]+\.so\.(\d+)", path.name):
            (libraries / f"{match[1]}.so.{match[2]}").symlink_to(path)
    if sys.version_info < (3, 12):
        for path in (target / "lerobot").rglob("*.py"):
            path.write_text(older_syntax(path.read_text()))


def older_syntax(source: str) -> str:
    """A module of Python 3.12 for 3.11: ``type`` statements and type parameters become ordinary names."""
    names: set[str] = set()

    def without_parameters(match: re.Match[str]) -> str:
        own = [name.partition(":")[0].strip() for name in match[3].split(",")]
        names.update(own)
        is_class = match[1].lstrip().startswith("class")
        if not is_class:
            return f"{match[1]}{match[2]}("
        rest = match[4]
        generic = f"Generic[{', '.join(own)}]"
        return f"{match[1]}{match[2]}({generic}):" if rest == ":" else f"{match[1]}{match[2]}({generic}, "

    changed = re.sub(r"^(\s*(?:class|def) )(\w+)\[([\w:, ]+)\](:|\()", without_parameters, source, flags=re.MULTILINE)
    changed = re.sub(r"^type (\w+) = ", r"\1 = ", changed, flags=re.MULTILINE)
    if not names:
        return changed
    lines = ["from typing import Generic, TypeVar", *(f'{name} = TypeVar("{name}")' for name in sorted(names))]
    place = re.search(r"^(?:class|def|@|[A-Z]\w* = )", changed, flags=re.MULTILINE)
    at = place.start() if place else 0
    return changed[:at] + "\n".join(lines) + "\n\n" + changed[at:]


def export_all(folder: Path) -> None:
    """Every export that a release reads."""
    run = make_coded_run(folder, segments=SEGMENTS)
    long = make_coded_run(folder, name="long", segments=[CodedSegment(0.0, LONG_S)])
    for release in RELEASES.values():
        name, language = release.format_name, release.language
        for kind, source in (("main", run), ("again", run), ("long", long)):
            target = folder / f"{name}-{language}-{kind}"
            words = ("export", name, source, "--to", target, "--video", "raw", "--language", language)
            result = run_here(*words, "--longest-s", str(LONG_S))
            if result.returncode:
                raise click.ClickException(result.stderr)


def plan_of(release: Release, folder: Path) -> dict[str, Any]:
    """Where the exports of a release are, and what has to be in them."""
    prefix = f"{release.format_name}-{release.language}"
    exports = {"main": str(folder / f"{prefix}-main"), "long": str(folder / f"{prefix}-long")}
    expected = expected_of(SEGMENTS)
    if release.format_name == "lerobot21":
        del expected["subtasks"], expected["boxes"]
    else:
        exports |= {"again": str(folder / f"{prefix}-again"), "v21": str(folder / "lerobot21-columns-main")}
        if release.language == "subtask":
            del expected["boxes"]
    page = PAGES / f"{release.format_name}.md"
    snippet = _SNIPPET.search(page.read_text()) if release.language == "columns" else None
    return {
        "exports": exports,
        "expected": expected,
        "long": expected_of([CodedSegment(0.0, LONG_S)]),
        "page": snippet[1] if snippet else "",
    }


def expected_of(segments: Sequence[CodedSegment]) -> dict[str, Any]:
    """The frames, tasks and subtasks of all indices; boxes stand where an active action begins."""
    lengths: list[int] = []
    tasks: list[str] = []
    subtasks: list[str] = []
    boxes: list[int] = []
    for segment in segments:
        length = round((segment.t_end_s - segment.t_start_s) * FPS)
        words = segment.words
        boxes += [len(tasks) + length * at // len(words) for at, word in enumerate(words) if word != "idle"]
        lengths.append(length)
        tasks += ["; ".join(word for word in words if word != "idle")] * length
        subtasks += [words[at * len(words) // length] if words else "" for at in range(length)]
    frames = list(range(len(tasks)))
    return {"fps": FPS, "frames": frames, "lengths": lengths, "tasks": tasks, "subtasks": subtasks, "boxes": boxes}


def check(version: str, envs: Path, folder: Path) -> dict[str, Any]:
    """Read the exports with a release; returns its figures."""
    own = (envs / version).resolve()
    place = folder / f"page-{version}"
    plan = {**plan_of(RELEASES[version], folder), "place": str(place)}
    plan_path = folder / f"{version}.json"
    plan_path.write_text(json.dumps(plan))
    (place / "datasets").mkdir(parents=True)
    (place / "datasets/ego").symlink_to(plan["exports"]["main"])
    repository = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{own}:{repository}",
        "LD_LIBRARY_PATH": f"{own / 'ffmpeg'}:{own / 'av.libs'}",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / f"hub-{version}"),
    }
    words = [sys.executable, "-m", "tests.tools.lerobot_checks", str(plan_path), str(folder / f"work-{version}")]
    result = subprocess.run(words, env=environment, cwd=repository, capture_output=True, text=True, check=False)
    if result.returncode:
        raise click.ClickException(f"LeRobot {version}: {result.stderr[-4000:]}")
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


@click.command()
@click.argument("what", type=click.Choice(["install", "check"]))
@click.argument("envs", type=click.Path(path_type=Path))
@click.option("--release", "chosen", multiple=True, type=click.Choice(list(RELEASES)), help="Some releases alone.")
def main(what: str, envs: Path, chosen: tuple[str, ...]) -> None:
    """Install the readers, or check the exports with them; exit 1 if one reads something else than was written."""
    versions = chosen or tuple(RELEASES)
    if what == "install":
        for version in versions:
            install(version, envs)
        return
    with tempfile.TemporaryDirectory(prefix="egoclean-lerobot-") as name:
        export_all(Path(name))
        for version in versions:
            click.echo(json.dumps(check(version, envs, Path(name))))


if __name__ == "__main__":
    main()
