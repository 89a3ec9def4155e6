"""The formats of data sets are described where a user looks for them, and what their pages show works."""

import os
import re
import shlex
from pathlib import Path

import pytest

from exporters.table import FORMATS
from stream.commands.export import export
from tests.support.coded_run import make_coded_run
from tests.support.exports import READABLE
from tests.support.inline import run_here

DOCS = Path(__file__).parents[2] / "docs"
OVERVIEW = DOCS / "exports.md"
PAGES = sorted((DOCS / "exports").glob("*.md"))
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""What a page shows; a block of another language, such as ``text`` or ``python heavy``, is not run here."""


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_in_the_help_and_in_the_overview_and_has_a_page(name: str) -> None:
    assert f"{name} {FORMATS[name].text}" in " ".join((export.help or "").split())
    assert f"\n| [`{name}`](exports/{name}.md) |" in OVERVIEW.read_text()
    text = (DOCS / "exports" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert "\n## What is not in it\n\n" in text
    languages = {language for language, _ in re.findall(r"^```(\w+)( heavy)?$", text, re.MULTILINE)}
    assert {"sh", "python"} <= languages


def test_no_page_is_of_a_format_that_there_is_not() -> None:
    assert {page.stem for page in PAGES} == set(FORMATS)


@pytest.mark.parametrize("page", [OVERVIEW, DOCS / "exports/lerobot21.md"], ids=lambda page: page.stem)
def test_a_user_of_gr00t_learns_that_it_does_not_train_on_an_export(page: Path) -> None:
    assert re.search(r"GR00T\b.*\bdoes not train\b", " ".join(page.read_text().split()))


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)  # webdataset
def test_what_a_page_shows_works(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands export a small run, and its Python reads that export."""
    make_coded_run(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "EGOCLEAN_EXPORT_VIDEO", "raw")  # the run is not rectified
    page = DOCS / f"exports/{name}.md"
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
