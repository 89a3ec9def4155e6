"""The formats of data sets are described where a user looks for them."""

from pathlib import Path

import pytest

from exporters.table import FORMATS
from stream.commands.export import export

PAGE = Path(__file__).parents[2] / "docs" / "exports.md"


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_in_the_help_and_in_the_page(name: str) -> None:
    assert f"{name} {FORMATS[name].text}" in " ".join((export.help or "").split())
    assert f"| `{name}` |" in PAGE.read_text()
