"""The version of the program, with the commit that it was built from."""

import json
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import click

PROGRAM: Final = "egoclean-stream"
BUILT_FROM: Final = Path(__file__).parents[1] / "COMMIT"
"""Written when an image or a wheel is built from a tree without its history."""
_GIT_S: Final = 5.0


def version_text(built_from: Path = BUILT_FROM) -> str:
    """``egoclean-stream 0.1.0 (0123456789ab)``; without the commit where it is not known."""
    try:
        number = distribution(PROGRAM).version
    except PackageNotFoundError:
        number = "unknown"
    commit = commit_of(built_from)
    return f"{PROGRAM} {number} ({commit[:12]})" if commit else f"{PROGRAM} {number}"


def commit_of(built_from: Path = BUILT_FROM) -> str | None:
    """The commit, from the file that a build wrote, pip's record of a repository, or the checkout that this is."""
    return _written(built_from) or _installed() or _checked_out(built_from.parents[1])


def _written(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def _installed() -> str | None:
    """From ``direct_url.json`` (PEP 610)."""
    try:
        text = distribution(PROGRAM).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    origin: dict[str, Any] = json.loads(text or "{}")
    commit = origin.get("vcs_info", {}).get("commit_id")
    return str(commit) if commit else None


def _checked_out(root: Path) -> str | None:
    if not (root / ".git").exists():
        return None
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - the user's own git
            capture_output=True, text=True, check=True, timeout=_GIT_S,
        )  # fmt: skip
        return done.stdout.strip() or None
    return None


def show_version(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    """Print it and exit, as the callback of ``--version``."""
    if value and not ctx.resilient_parsing:
        click.echo(version_text())
        ctx.exit()
