"""The formats of data sets are described where a user looks for them, and what their pages show works."""

import os
import re
import shlex
from pathlib import Path

import pytest

from exporters.table import FORMATS
from stream.commands.export import export
from tests.support.coded_run import make_coded_run
from tests.support.inline import run_here

DOCS = Path(__file__).parents[2] / "docs"
OVERVIEW = DOCS / "exports.md"
PAGES = sorted((DOCS / "exports").glob("*.md"))
HEAVY = ("rerun",)
"""Formats whose packages are too large for the tests; ``tests/tools/rerun_reader.py`` runs their pages."""
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""What a page shows; a block of another language, such as ``text`` or ``python heavy``, is not run here."""


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_in_the_help_and_in_the_overview(name: str) -> None:
    assert f"{name} {FORMATS[name].text}" in " ".join((export.help or "").split())
    page = DOCS / "exports" / f"{name}.md"
    entry = f"| [`{name}`](exports/{name}.md) |" if page.exists() else f"| `{name}` |"
    assert entry in OVERVIEW.read_text()


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in HEAVY], ids=lambda page: page.stem)
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)  # webdataset
def test_what_a_page_shows_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands export a small run, and its Python reads that export."""
    make_coded_run(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "EGOCLEAN_EXPORT_VIDEO", "raw")  # the run is not rectified
    blocks = _BLOCK.findall(page.read_text())
    assert {language for language, _ in blocks} == {"sh", "python"}
    names: dict[str, object] = {}
    for language, text in blocks:
        if language == "sh":
            run_commands(text)
        else:
            exec(compile(text, str(page), "exec"), names)  # noqa: S102 - our own page


def run_commands(text: str) -> None:
    """Run the exports of a block, which may be wrapped with backslashes."""
    for line in text.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line, comments=True)
        assert (program, words[0]) == ("egoclean-stream", "export")
        result = run_here(*words)
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_of_a_format_and_says_what_is_not_in_it(page: Path) -> None:
    assert page.stem in FORMATS
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert "\n## What is not in it\n" in text
