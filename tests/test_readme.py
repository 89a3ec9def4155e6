"""Every command in the README works as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEST_COMMAND = "make test"


def commands() -> list[str]:
    """The lines of the README's console blocks, without their prompt."""
    blocks: list[str] = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines]


def checkout(path: Path) -> Path:
    """A copy of the project's files, with this test's own environment as the one that make would have set up."""
    for name in ("Makefile", "pyproject.toml", "README.md"):
        path.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, path / name)
    environment = path / ".venv"
    (environment / "bin").mkdir(parents=True)
    for name in ("python", "egoclean-stream"):
        (environment / "bin" / name).symlink_to(Path(sys.executable).with_name(name))
    for stamp in (".run-ready", ".dev-ready"):
        (environment / stamp).touch()
    return path


def test_ci_runs_the_readmes_test_command() -> None:
    """The second of the two commands is what CI runs; it cannot be run from within itself."""
    assert commands()[1] == TEST_COMMAND
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text()


def test_commands_work_as_they_stand(tmp_path: Path) -> None:
    """In a fresh checkout, one after the other, every command of the README ends well."""
    script = "\n".join(["set -euxo pipefail", *(line for line in commands() if line != TEST_COMMAND)])
    bare = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    where = checkout(tmp_path / "egoclean-stream")
    result = subprocess.run(
        ["bash", "-c", script], cwd=where, env=bare, capture_output=True, text=True, timeout=240, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "Traceback" not in result.stderr
    assert "run directory: runs/demo" in result.stdout
    for made in (
        "results/demo/run.json",
        "from_tar/demo/run.json",
        "rectified.png",
        "rectified/demo_rectified.mp4",
        "results/demo/anomalies.json",
    ):
        assert (where / made).exists()
