"""What the README and the guide say can be done, can be done."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from stream.cli import cli
from stream.records.schema.annotations import Action

ROOT = Path(__file__).parents[2]
DOCS = ("guide", "exports", "report", "view_alignment")
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in DOCS)]
"""In the order in which a reader meets them: the guide's commands continue where the README's end."""
TEST_COMMAND = "make test"
PROGRAM = "egoclean-stream"
SET_UP = ("git clone ", "docker build ", "alias ")
"""Lines that name the program and do not call it begin so."""


class Block(NamedTuple):
    """What stands between two fences."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """All of a page, in its order."""
    return [
        Block(*groups) for groups in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    ]


def commands(block: Block) -> list[str]:
    """The lines of a console block, without their prompt."""
    lines = block.text.splitlines()
    assert all(line.startswith("$ ") for line in lines), block
    return [line.removeprefix("$ ") for line in lines]


def steps() -> Iterator[str]:
    """Everything in the pages that is to be run, as lines for a shell."""
    for block in (block for page in PAGES for block in blocks(page)):
        if block.language == "console":
            yield from (line for line in commands(block) if line != TEST_COMMAND)
        elif block.language == "python":
            yield f"python - <<'END'\n{block.text}END"


def calls() -> Iterator[list[str]]:
    """Words behind the program's name, or the image's, in commands of the pages that no test runs."""
    for block in (block for page in PAGES for block in blocks(page) if not block.language):
        for line in block.text.splitlines():
            is_call = PROGRAM in line and not line.startswith(SET_UP)
            words = shlex.split(line, comments=True) if is_call else []
            starts = [at for at, word in enumerate(words) if re.fullmatch(rf"(.*/)?{PROGRAM}(:cpu)?", word)]
            if starts and "--entrypoint" not in words:
                yield words[starts[0] + 1 :]


def checkout(path: Path) -> Path:
    """A copy of the project's files, with this test's own environment as the one that make would have set up."""
    (path / "docker").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "README.md", "docker/requirements-dev.lock"):
        shutil.copy2(ROOT / name, path / name)
    environment = path / ".venv"
    (environment / "bin").mkdir(parents=True)
    for name in ("python", PROGRAM):
        program = environment / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(Path(sys.executable).with_name(name)))} "$@"\n')
        program.chmod(0o755)
    for stamp in (".run-ready", ".dev-ready"):
        (environment / stamp).touch()
    return path


def test_ci_runs_the_readmes_test_command() -> None:
    """The second of the two commands is what CI runs; it cannot be run from within itself."""
    first = next(block for block in blocks(PAGES[0]) if block.language == "console")
    assert commands(first)[1] == TEST_COMMAND
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text()
    assert f"run: {TEST_COMMAND}\n" in (ROOT / ".github" / "workflows" / "ci.yaml").read_text()


@pytest.mark.timeout(900)
def test_commands_and_python_work_as_they_stand(tmp_path: Path) -> None:
    """In a fresh checkout, one after the other, all of the README's, then all of the guide's."""
    script = "\n".join(["set -euxo pipefail", *steps()])
    bare = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    bare["EGOCLEAN_DEMO_SECONDS"] = "62"  # rendering costs most; the walk still fits
    where = checkout(tmp_path / "egoclean-stream")
    result = subprocess.run(["bash", "-c", script], cwd=where, env=bare, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "Traceback" not in result.stderr
    assert "run directory: runs/demo" in result.stdout
    for path in (
        "results/demo/run.json",
        "from_tar/demo/run.json",
        "rectified.png",
        "rectified/demo_rectified.mp4",
        "results/demo/anomalies.json",
        "bench.json",
        "report.html",
        "align_demo/compare/contact_sheet.png",
        "align_demo/sweep.png",
    ):
        assert (where / path).exists()


@pytest.mark.parametrize("words", list(calls()), ids=" ".join)
def test_what_is_not_run_is_understood(words: list[str]) -> None:
    """Commands that need a GPU, weights, a network or a camera are parsed, with their options and values."""
    command: click.Command | None = cli
    context = None
    while isinstance(command, click.Group):
        context = command.make_context(command.name, words, parent=context)
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None
    command.make_context(command.name, words, parent=context)


def test_the_example_of_an_action_is_one() -> None:
    """The guide's JSON is read by the model that writes the records."""
    examples = [block.text for block in blocks(PAGES[1]) if block.language == "json"]
    assert examples
    assert all(Action.model_validate_json(example) for example in examples)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture is a file of the project."""
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in link]
    assert links
    assert all((page.parent / link).exists() for link in links), links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_a_page_lead_to_its_headings(page: Path) -> None:
    """GitHub makes an anchor of a heading so: small letters, hyphens for spaces, no punctuation."""
    text = page.read_text()
    anchors = [
        re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    ]
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", text) if link not in anchors] == []


def test_the_contents_name_every_chapter() -> None:
    """Those of the README and of the guide, in their order."""
    for page in PAGES[:2]:
        text = page.read_text()
        chapters = re.findall(r"^## (.+)$", text, re.MULTILINE)
        listed = [title for title in re.findall(r"\[([^\]]+)\]\(#", text) if title in chapters]
        assert listed == chapters, page


def test_a_question_leads_to_every_command() -> None:
    """The README's table of questions names all commands, and no other."""
    rows = re.findall(r"^\| [^|]+\? \| (.+) \|$", PAGES[0].read_text(), re.MULTILINE)
    named = {words.split()[0] for row in rows for words in re.findall(r"`([^`]+)`", row)}
    assert {word for word in named if not word.startswith("-")} == set(cli.list_commands(click.Context(cli)))


def test_the_architecture_names_files_that_exist() -> None:
    """Every path in it that begins with a folder of the project is there."""
    paths = re.findall(
        r"`((?:stream|models|exporters|docker|docs|tests)/[\w./]*)", (ROOT / "ARCHITECTURE.md").read_text()
    )
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
