"""The distribution: a wheel by way of an sdist, its metadata, and the program that it installs."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.support.made_once import MadeOnce
from tests.support.runs import manifest

ROOT = Path(__file__).parents[2]
SOURCES = ("exporters", "models", "stream", "LICENSE", "README.md", "pyproject.toml", "setup.py")
LOCK = ROOT / "docker" / "requirements-dev.lock"
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


@pytest.fixture(scope="module")
def repository(made_once: MadeOnce) -> Path:
    """A repository with the project's files and one commit."""
    return made_once("repository", make_repository)


def make_repository(folder: Path) -> None:
    """Copy the project's files, and commit something."""
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "COMMIT")
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "x")


def git(folder: Path, *words: str) -> str:
    """The output of git in a repository."""
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


def build(hook: str, tree: Path, out: Path) -> Path:
    """Call a hook of the build backend (PEP 517) in a source tree; the file that it has built."""
    result = subprocess.run(
        [sys.executable, "-c", BUILD, hook, str(out)], cwd=tree, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return out / result.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(repository: Path, made_once: MadeOnce) -> Path:
    """As ``python -m build`` makes it: from the sdist, which has no repository."""

    def make(out: Path) -> None:
        with tarfile.open(build("build_sdist", repository, out)) as sdist:
            sdist.extractall(out, filter="data")
        (tree,) = (each for each in out.iterdir() if each.is_dir())
        assert not (tree / ".git").exists()
        build("build_wheel", tree, out)

    (wheel,) = made_once("dist", make).glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """The wheel's core metadata."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = (each for each in files.namelist() if each.endswith(".dist-info/METADATA"))
        return message_from_bytes(files.read(name))


def test_the_metadata_is_complete(metadata: Message) -> None:
    """Readme, licence, addresses, classifiers, and what it requires."""
    assert (metadata["Name"], metadata["License-Expression"]) == ("egoclean-stream", "Apache-2.0 AND MIT")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_all("License-File") == ["LICENSE", "exporters/report/static/vendor/LICENSE"]
    assert len(metadata.get_all("Classifier", [])) > 5
    required = metadata.get_all("Requires-Dist", [])
    assert any(re.match(r"av<\d+,>=\d", each) for each in required)
    assert {"vjepa", "qwen", "openai", "http"} <= set(metadata.get_all("Provides-Extra", []))
    addresses = [each.partition(", ")[2] for each in metadata.get_all("Project-URL", [])]
    assert addresses
    assert all(each.startswith(("https://huggingface.co/", "https://github.com/")) for each in addresses)


def test_the_description_leads_nowhere_into_the_repository(metadata: Message) -> None:
    """An index shows the README without its pictures and its files; all its words are there."""
    text = str(metadata.get_payload())
    assert text.startswith("# egoclean-stream\n")
    assert "## Limitations" in text
    assert not re.findall(r"\]\((?!https:)", text)
    assert "![" not in text


def test_data_files_are_in_the_wheel(wheel: Path) -> None:
    """Prompts, schemas, the report's templates and scripts, the mark of types and the commit; no tests."""
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
    shipped = [*(ROOT / "models").rglob("*.md"), *(ROOT / "stream").rglob("*.json")]
    page = ROOT / "exporters" / "report"
    shipped += [path for folder in ("static", "templates") for path in (page / folder).rglob("*") if path.is_file()]
    assert {str(path.relative_to(ROOT)) for path in shipped} <= names
    assert {"stream/COMMIT", "stream/py.typed", "models/py.typed", "exporters/py.typed"} <= names
    assert not [name for name in names if name.startswith("tests/")]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in a fresh virtual environment, with the packages that its metadata names, from pip's index."""
    folder = tmp_path_factory.mktemp("venv")
    if (refusal := pip("download", "--no-deps", "--dest", folder, "packaging")) is not None:
        pytest.skip(f"pip reaches no index: {refusal}")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    assert pip("--python", python, "install", "--no-compile", "--constraint", LOCK, wheel) is None
    return folder / "bin" / "egoclean-stream"


def pip(*words: str | Path) -> str | None:
    """Call pip; None, or the last line of what it says if it fails."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    result = subprocess.run(command, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    return result.stderr.strip().splitlines()[-1] if result.returncode else None


def call(program: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the installed program outside of the source tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [program, *words], cwd=program.parent, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.timeout(900)
def test_the_installed_program_names_its_commit_and_runs(installed: Path, repository: Path, tmp_path: Path) -> None:
    """The version is that of the repository that the wheel was built from; the demo needs nothing beside the wheel.

    What needs an extra says how to install it, and not from a folder of the project.
    """
    head = git(repository, "rev-parse", "HEAD")
    assert call(installed, "--version").stdout == f"egoclean-stream 0.1.0 ({head[:12]})\n"
    result = call(installed, "demo", "--seconds", "10", "--out", tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    assert manifest(tmp_path / "runs" / "demo")["state"] == "finished"
    result = call(installed, tmp_path / "runs" / "demo_clip" / "demo.mp4", "--encoder", "vjepa2", "--out", tmp_path)
    assert result.returncode == 5
    assert result.stderr.endswith(" are not installed: pip install 'egoclean-stream[vjepa]'\n")


def test_without_a_repository_a_wheel_has_no_commit(repository: Path, tmp_path: Path) -> None:
    """A tree that brings none along builds all the same."""
    shutil.copytree(repository, tmp_path / "tree", ignore=shutil.ignore_patterns(".git", "build", "*.egg-info"))
    with zipfile.ZipFile(build("build_wheel", tmp_path / "tree", tmp_path)) as files:
        assert "stream/COMMIT" not in files.namelist()
