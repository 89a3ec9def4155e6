"""What can be known of the container image without building it; ``make test-image`` builds and runs it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BASE = "python:3.11.14-slim-bookworm"
SCRIPTS = [ROOT / "entrypoint.sh", *sorted((ROOT / "docker").glob("*.sh"))]
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
        ("dev", ["dev", "vjepa", "qwen", "openai", "hub", "http", "s3", "onnx", "plots", "export", "hdf5", "zarr"]),
    ],
)
def test_locks_hold_the_required_packages(lock: str, extras: list[str]) -> None:
    """Each has an exact version in the range of pyproject.toml; else docker/lock.sh has to be run again."""
    project = PROJECT["project"]
    of_extras = [text for extra in extras for text in project["optional-dependencies"][extra]]
    locked = pins(lock)
    for requirement in map(Requirement, project["dependencies"] + of_extras):
        if requirement.name != project["name"]:
            assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_locks_agree_with_each_other() -> None:
    """The environment with V-JEPA 2 is laid over the other one, and tests run with the image's versions."""
    assert pins("cpu").items() <= pins("gpu").items()
    shared = pins("dev").keys() & pins("gpu").keys()
    assert {name: pins("dev")[name] for name in shared} == {name: pins("gpu")[name] for name in shared}
    (backend,) = map(Requirement, PROJECT["build-system"]["requires"])
    assert backend.specifier.contains(pins("build").pop(backend.name))


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
