"""What pyproject.toml cannot say of the distribution: its commit, and the description on the page of an index.

``stream/COMMIT`` is in wheels and sdists that are built from a repository.
"""

import re
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
COMMIT = Path("stream", "COMMIT")
"""Read by ``stream.commands.version``. A tree without its history may bring the file along, as an sdist does."""


def write_commit(folder: Path) -> None:
    """Write the commit of this repository below ``folder``; nothing if this is no repository, or git is missing."""
    if not (ROOT / ".git").exists():
        return
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"],  # noqa: S607 - the builder's own git
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return
    path = folder / COMMIT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a hard link to a file of the source tree
    path.write_text(done.stdout)


class BuildWithCommit(build_py):
    """Copies the packages, and writes the commit beside them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            write_commit(Path(self.build_lib))


class SdistWithCommit(sdist):
    """Adds the commit to the source distribution: what is built from it has no repository to ask."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        write_commit(Path(base_dir))


def description() -> str:
    """README.md without pictures, and with only the words of links that lead into the repository."""
    text = re.sub(r"!\[[^]]*\]\((?!https:)[^)]*\)\n+", "", (ROOT / "README.md").read_text())
    return re.sub(r"\[([^]]*)\]\((?!https:)[^)]*\)", r"\1", text)


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    cmdclass={"build_py": BuildWithCommit, "sdist": SdistWithCommit},
)
