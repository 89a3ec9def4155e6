"""What the program says where a package is missing: the command that installs it there."""

import re
from pathlib import Path

import pytest

from models import packages
from stream.errors import ModelUnavailableError


def message(extra: str = "vjepa") -> str:
    """What is said if a package of an extra is missing."""
    with pytest.raises(ModelUnavailableError) as caught:
        packages.require_packages(["no_such_package"], extra=extra)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _outside_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(packages.IMAGE_VARIABLE, raising=False)


def test_in_the_projects_folder_pip_takes_the_folder() -> None:
    """As ``make demo`` installs it: a published version would replace what is being changed there."""
    assert message() == (
        "the Python package no_such_package is not installed: pip install -e '.[vjepa]' in the project's folder"
    )


@pytest.mark.parametrize("beside", ["", '[project]\nname = "another"\n'])
def test_an_installed_wheel_names_the_distribution(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, beside: str
) -> None:
    """There is no folder of the project, though some packages leave a pyproject.toml in site-packages."""
    if beside:
        (tmp_path / "pyproject.toml").write_text(beside)
    monkeypatch.setattr(packages, "_PROJECT_FILE", tmp_path / "pyproject.toml")
    assert message().endswith(" is not installed: pip install 'egoclean-stream[vjepa]'")


@pytest.mark.parametrize(
    ("image", "extra", "cure"),
    [
        ("cpu", "vjepa", "without --target cpu"),
        ("cpu", "rerun", "your own image on top of this"),
        ("gpu", "vjepa", "your own image on top of this"),
    ],
)
def test_in_an_image_another_image_is_named(monkeypatch: pytest.MonkeyPatch, image: str, extra: str, cure: str) -> None:
    """There pip cannot be used; only what needs torch is in the other image of this project."""
    monkeypatch.setenv(packages.IMAGE_VARIABLE, image)
    assert re.search(cure, message(extra))


def test_each_extra_exists() -> None:
    """Whoever follows the advice for the CPU image's extras finds them in pyproject.toml."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = ", text, re.MULTILINE) for extra in packages._NOT_IN_CPU_IMAGE)
