"""The tree of the source: what is at its root, how long files are, and that a class name stands for one class."""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("stream", "models", "exporters", "tests")
LINES_MAX = 300


def modules(*packages: str) -> list[Path]:
    """The Python files of these packages."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def test_only_the_entry_the_options_and_the_errors_are_at_the_root() -> None:
    """Everything else is in a folder."""
    assert {path.name for path in (ROOT / "stream").glob("*.py")} == {
        "__init__.py", "cli.py", "config.py", "errors.py",
    }  # fmt: skip


def test_no_file_is_long() -> None:
    """Neither in the program nor in its tests."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules(*PACKAGES)}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}


def test_a_class_name_stands_for_one_class() -> None:
    """No two classes at the top of modules have the same name."""
    names = Counter(
        node.name
        for path in modules(*PACKAGES)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []
