"""Titles and files of all figures."""

from pathlib import Path

import pytest

from exporters.figures import style
from stream.errors import ModelUnavailableError


def test_a_title_is_one_line_if_it_fits() -> None:
    """A long one has the clip above the facts; what a terminal would act on is replaced in both."""
    from matplotlib.figure import Figure

    figure = Figure()
    style.title(figure, "a\tclip", "grid-v1", "188 windows")
    assert figure.get_suptitle() == "a clip  ·  grid-v1  ·  188 windows"
    style.title(figure, "a" * 80, "grid-v1", "188 windows")
    assert figure.get_suptitle() == "a" * 80 + "\ngrid-v1  ·  188 windows"


@pytest.mark.slow
@pytest.mark.parametrize("figure_format", ["pdf", "svg"])
def test_vector_files_are_always_the_same(tmp_path: Path, figure_format: str) -> None:
    """No date and no random name is in them."""
    paths = [tmp_path / f"{name}.{figure_format}" for name in ("first", "second")]
    for path in paths:
        with style.figure_file(path, 3.0, 2.0) as figure:
            figure.subplots().axvspan(0, 1, hatch="///", label="damaged")
            figure.legend()
            style.title(figure, "clip", "188 windows")
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith(b"%PDF" if figure_format == "pdf" else b"<?xml")
    assert not any(date in first for date in (b"CreationDate", b"dc:date"))
    assert b"egoclean-stream" in first


def test_missing_matplotlib_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error names the command that brings it."""
    monkeypatch.setattr(style, "find_spec", lambda _: None)
    with pytest.raises(ModelUnavailableError, match=r"pip install -e '.\[plots\]'"):
        style.require_matplotlib()
