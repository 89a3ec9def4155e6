"""The image's entry point: where results go, what is said about it, and that arguments arrive as they are."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stream.cli import COMMANDS
from tests.docs.test_image_files import ROOT, of

MAKE_RUNS = ("run", "demo")


class Started(NamedTuple):
    """How entrypoint.sh called the program, and what it said itself."""

    arguments: list[str]
    out: str
    message: str
    code: int = 0


class Container:
    """Folders like those of a container, for a user who is not root; the program only tells how it was called."""

    def __init__(self, root: Path) -> None:
        root.chmod(0o755)
        self.entrypoint = Path(shutil.copy(ROOT / "entrypoint.sh", root))
        self.bin = root / "bin"
        self.bin.mkdir()
        program = self.bin / "egoclean-stream"
        program.write_text('#!/bin/sh\nprintf "%s\\n" "${EGOCLEAN_OUT-unset}" "$@"\n')
        program.chmod(0o755)
        self.writable, self.read_only = root / "writable", root / "read_only"
        for folder, mode in ((self.writable, 0o777), (self.read_only, 0o555)):
            folder.mkdir()
            folder.chmod(mode)

    def start(self, *arguments: str, cwd: Path, out: str | None = None) -> Started:
        environment = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}
        result = subprocess.run(
            ["sh", self.entrypoint, *arguments],
            cwd=cwd,
            env=environment if out is None else {**environment, "EGOCLEAN_OUT": out},
            user=65534 if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            check=False,
        )
        first_line, *called = result.stdout.splitlines() or [""]
        return Started(called, first_line, result.stderr, result.returncode)


@pytest.fixture
def container() -> Iterator[Container]:
    """Not under tmp_path, which only its owner may enter."""
    with tempfile.TemporaryDirectory() as root:
        yield Container(Path(root))


def test_entrypoint_becomes_the_program() -> None:
    """The last line replaces the shell, so that signals reach the program itself."""
    assert (ROOT / "entrypoint.sh").read_text().splitlines()[-1] == 'exec egoclean-stream "$@"'


@pytest.mark.parametrize("words", [["my clip.mp4", "--loop"], ["tail", "runs/clip"], []], ids=["clip", "tail", "none"])
def test_arguments_arrive_as_they_are(container: Container, words: list[str]) -> None:
    """Words keep their spaces, and the program's own name may stand before them."""
    assert container.start(*words, cwd=container.writable) == (words, "unset", "", 0)
    assert container.start("egoclean-stream", *words, cwd=container.writable).arguments == words


def test_results_go_to_the_folder_that_is_mounted(container: Container) -> None:
    """A folder that can be written is used as it is, also with results of earlier runs."""
    (container.writable / "runs").mkdir(mode=0o777)
    (container.writable / "runs").chmod(0o777)
    assert container.start("clip.mp4", cwd=container.writable) == (["clip.mp4"], "unset", "", 0)


@pytest.mark.parametrize(
    "words", [["clip.mp4"], ["--loop", "clip.mp4"], ["worker001"], *([name] for name in MAKE_RUNS)]
)
def test_results_that_leave_with_the_container_are_announced(container: Container, words: list[str]) -> None:
    """Where the folder cannot be written they go elsewhere, and standard error says where and what to do."""
    started = container.start(*words, cwd=container.read_only)
    assert started.out in {"/tmp/runs", "/run/egoclean/runs"}  # noqa: S108 - the places that the image has
    assert started.out in started.message
    assert "--user" in started.message


@pytest.mark.parametrize(
    "words", [*([name] for name in COMMANDS if name not in MAKE_RUNS), ["--help"], ["--version"], []]
)
def test_commands_that_make_no_runs_are_quiet(container: Container, words: list[str]) -> None:
    """They look for runs in the same place, and say nothing of it."""
    started = container.start(*words, cwd=container.read_only)
    assert started.out != "unset"
    assert started.message == ""


def test_the_chosen_output_folder_is_used(container: Container) -> None:
    """EGOCLEAN_OUT, set from outside, is passed on unchanged."""
    assert container.start("clip.mp4", cwd=container.read_only, out="/results") == (["clip.mp4"], "/results", "", 0)


@pytest.mark.parametrize("words", [["clip.mp4"], ["demo"]], ids=" ".join)
def test_a_mounted_folder_that_cannot_be_written_is_refused(container: Container, words: list[str]) -> None:
    """Results that would stay in the container unnoticed are not begun: usage, and the option that helps."""
    mounted = Path("/proc")  # mounted wherever Linux runs, and closed to all
    refused = container.start(*words, cwd=mounted)
    assert (refused.code, refused.arguments) == (2, [])
    assert '--user "$(id -u):$(id -g)"' in refused.message
    assert len(refused.message.splitlines()) == 1
    assert container.start(*words, cwd=mounted, out="/results").code == 0
    for out in (["--out", "/results"], ["--out=/results"], ["-o", "/results"], ["-o/results"]):
        assert container.start(*words, *out, cwd=mounted) == ([*words, *out], "unset", "", 0)
    assert container.start("tail", "runs/clip", cwd=mounted).code == 0


def test_a_read_only_mount_needs_no_other_user(container: Container) -> None:
    """The advice is what can help."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    places = [Path(fields[1]) for fields in mounts if "ro" in fields[3].split(",")]
    if not (readable := [place for place in places if place.is_dir() and os.access(place, os.X_OK)]):
        pytest.skip("no file system is mounted read-only here")
    refused = container.start("clip.mp4", cwd=readable[0])
    assert refused.code == 2
    assert "without :ro" in refused.message
    assert "--user" not in refused.message


def test_the_bare_demo_takes_the_clip_of_the_image(container: Container) -> None:
    """It begins at once; with options it renders its own."""
    name, clip, *options = container.start("demo", cwd=container.writable).arguments
    assert (name, options) == ("run", ["--encoder", "grid", "--overwrite"])
    assert Path(clip).name == "demo.mp4"
    assert "/app/share/egoclean-stream" in of("WORKDIR")
    assert Path(clip).parent == Path("/opt/venv/share/egoclean-stream")
    assert container.start("demo", "--seed", "1", cwd=container.writable).arguments == ["demo", "--seed", "1"]
