"""What can be known of the container image without building it; ``make test-image`` builds and runs it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stream.cli import COMMANDS

ROOT = Path(__file__).parents[2]
BASE = "python:3.11.14-slim-bookworm"
SCRIPTS = [ROOT / "entrypoint.sh", *sorted((ROOT / "docker").glob("*.sh"))]
MAKE_RUNS = ("run", "demo")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


class Instruction(NamedTuple):
    """One instruction of the Dockerfile, its lines joined."""

    stage: str
    name: str
    words: str


def instructions() -> list[Instruction]:
    """The Dockerfile without its comments."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    instructions_found, stage = [], ""
    for line in filter(None, "\n".join(lines).replace("\\\n", " ").splitlines()):
        name, words = line.split(maxsplit=1)
        stage = words.split()[-1] if name == "FROM" else stage
        instructions_found.append(Instruction(stage, name, words))
    return instructions_found


def of(name: str) -> list[str]:
    """The words of all instructions of that name."""
    return [instruction.words for instruction in instructions() if instruction.name == name]


def tool(name: str) -> str:
    """A program beside this Python or on the path; the test is skipped where there is none."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which(name, path=path)
    if program is None:
        pytest.skip(f"{name} is not installed")
    return program


def pins(lock: str) -> dict[str, str]:
    """Name and version of every package in a lock file."""
    text = (ROOT / "docker" / f"requirements-{lock}.lock").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def versions_of(requirements: list[str]) -> dict[str, str]:
    """Name, as the index writes it, and version of requirements that are pinned."""
    pairs = (requirement.split("==") for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_every_stage_stands_on_the_pinned_base() -> None:
    """A stage begins with the base image, by its full version unless the builder names another, or a stage above it."""
    assert of("ARG")[0] == f"BASE={BASE}"
    stages: list[str] = []
    for source, _, name in (words.split() for words in of("FROM")):
        assert source in {"$BASE", *stages}
        stages.append(name)
    assert stages[-1] == "gpu", "docker build . makes the last stage"


def test_the_image_runs_unprivileged_under_an_init() -> None:
    """What is run has a numeric user that is not root, tini as its first process, and a healthcheck."""
    runtime = {instruction.name: instruction.words for instruction in instructions() if instruction.stage == "runtime"}
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", runtime["USER"])
    assert runtime["ENTRYPOINT"] == '["tini", "--", "entrypoint.sh"]'
    assert runtime["STOPSIGNAL"] == "SIGTERM"
    assert 'CMD ["entrypoint.sh", "health", "--since-start"]' in runtime["HEALTHCHECK"]
    finals = [instruction for instruction in instructions() if instruction.stage in {"cpu", "gpu"}]
    assert not [
        instruction for instruction in finals if instruction.name in {"USER", "ENTRYPOINT", "HEALTHCHECK", "RUN"}
    ]


def test_nothing_is_fetched_that_no_hash_vouches_for() -> None:
    """No ADD, and pip either wants hashes or has no index."""
    assert not of("ADD")
    installs = [step for words in of("RUN") for step in re.findall(r"pip .*?(?:install|wheel) [^&]*", words)]
    assert installs
    assert all("--require-hashes" in step or "--no-index" in step for step in installs)


def test_no_secret_is_baked_in() -> None:
    """Neither an ENV nor an ARG could hold one, and pip's certificate is named only where it is mounted."""
    settings = " ".join(of("ENV") + of("ARG"))
    assert not re.search(r"(?i)secret|token|passw|key|cert|proxy", settings)
    assert all("--mount=type=secret,id=ca_bundle" in words for words in of("RUN") if "PIP_CERT" in words)


def test_labels_agree_with_the_project() -> None:
    """Version and licence are those of pyproject.toml."""
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', " ".join(of("LABEL"))))
    assert labels["version"] == PROJECT["project"]["version"]
    assert labels["licenses"] == PROJECT["project"]["license"]
    assert labels["base.name"].endswith(BASE)


def test_the_build_sees_every_package_of_the_project() -> None:
    """What setuptools packs is let through .dockerignore, which shuts out everything else."""
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    packed = {name.removesuffix("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert rules[1] == "*"
    assert packed <= {rule.removeprefix("!") for rule in rules}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("cpu", ["plots", "export", "openai", "hub", "http", "s3", "gs"]),
        ("gpu", ["plots", "export", "openai", "http", "s3", "gs", "vjepa", "qwen", "onnx-gpu"]),
    ],
)
def test_locks_contain_the_pinned_dependencies(lock: str, extras: list[str]) -> None:
    """Every pin of pyproject.toml is in the lock file; else docker/lock.sh has to be run again."""
    project = PROJECT["project"]
    asked_for = [pin for extra in extras for pin in project["optional-dependencies"][extra] if "==" in pin]
    expected = versions_of(project["dependencies"] + asked_for)
    assert expected.items() <= pins(lock).items()


def test_locks_agree_with_each_other() -> None:
    """The environment with V-JEPA 2 is laid over the other one: what both hold is the same."""
    assert pins("cpu").items() <= pins("gpu").items()
    assert pins("build") == versions_of(PROJECT["build-system"]["requires"])


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_each_image_holds_its_own_bill_of_materials(target: str) -> None:
    """It is made of the same lock file as the packages, and lies beside the demo's clip."""
    copied = [
        instruction.words for instruction in instructions() if (instruction.stage, instruction.name) == (target, "COPY")
    ]
    assert f"--from=venv-{target} /opt/venv /opt/venv" in copied
    assert f"--from=sbom /sbom/{target}.json /opt/venv/share/egoclean-stream/sbom.json" in copied


@pytest.mark.parametrize("lock", ["cpu", "gpu", "build", "sbom"])
def test_every_locked_package_has_a_hash(lock: str) -> None:
    """No requirement stands without the SHA-256 of its files."""
    text = (ROOT / "docker" / f"requirements-{lock}.lock").read_text()
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(lock))
    assert all("--hash=sha256:" in entry for entry in entries)


def test_hadolint_finds_nothing() -> None:
    """The Dockerfile's linter is content."""
    result = subprocess.run([tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_can_be_run(script: Path) -> None:
    """Each is executable, and its own shell can read it."""
    shell = script.read_text().splitlines()[0].split("/")[-1].split()[-1]
    assert os.access(script, os.X_OK)
    assert subprocess.run([shell, "-n", script], capture_output=True, check=False).stderr == b""


def test_shellcheck_finds_nothing() -> None:
    """The shell's linter is content."""
    result = subprocess.run([tool("shellcheck"), *SCRIPTS], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


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


def test_the_bare_demo_takes_the_clip_of_the_image(container: Container) -> None:
    """It begins at once; with options it renders its own."""
    name, clip, *options = container.start("demo", cwd=container.writable).arguments
    assert (name, options) == ("run", ["--encoder", "grid", "--overwrite"])
    assert Path(clip).name == "demo.mp4"
    assert "/app/share/egoclean-stream" in of("WORKDIR")
    assert Path(clip).parent == Path("/opt/venv/share/egoclean-stream")
    assert container.start("demo", "--seed", "1", cwd=container.writable).arguments == ["demo", "--seed", "1"]
