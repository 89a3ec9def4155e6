"""The version with its commit, and the scripts for shell completion: both ask other programs."""

import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stream.cli import cli
from stream.commands import version
from stream.commands.completion import VARIABLE

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def helped(*words: str) -> Result:
    """The result of a command line."""
    return CliRunner().invoke(cli, list(words), catch_exceptions=False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    """It asks the program by the variable that the program looks for."""
    text = helped("completion", shell).output
    assert VARIABLE in text
    assert "egoclean-stream" in text
    assert "_{}_COMPLETE".format("egoclean-stream".replace("-", "_")).upper() == VARIABLE


def test_version_names_the_commit(tmp_path: Path) -> None:
    """From the file of a build, else from the checkout; without either it does not fail."""
    built = tmp_path / "stream" / "COMMIT"
    assert re.fullmatch(r"egoclean-stream \S+", version.version_text(built))
    built.parent.mkdir()
    built.write_text(f"{COMMIT}\n")
    assert version.version_text(built).endswith("(0123456789ab)")
    assert helped("--version").output.startswith("egoclean-stream ")
    assert helped("-v").output == helped("--version").output


def test_version_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``git`` says it; without the program, or outside a repository, the version stands alone."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    built = tmp_path / "stream" / "COMMIT"
    assert version.commit_of(built) is None, "no commit yet"
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert version.commit_of(built) == head
    monkeypatch.setenv("PATH", str(tmp_path))
    assert version.commit_of(built) is None
