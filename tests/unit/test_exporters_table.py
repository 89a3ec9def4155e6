"""The table of exporters: every row writes files from nothing but a view of a run."""

from pathlib import Path

import pytest

from exporters.figures import style
from exporters.run_view import view_run
from exporters.table import EXPORTERS, export
from tests.support.recorded import working_windows, write_run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_exporter_writes_the_files_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An exporter creates exactly the files that it returns, in the folder that it is given, and not in the run's."""
    monkeypatch.setattr(style, "DPI", 40)  # fewer pixels are sooner drawn
    layout = write_run(tmp_path / "clip", working_windows(60))
    before = sorted(layout.root.iterdir())
    paths = export([name], [view_run(layout.root)], tmp_path / "out")
    assert sorted(paths) == sorted((tmp_path / "out").iterdir()) != []
    assert all(path.stat().st_size for path in paths)
    assert sorted(layout.root.iterdir()) == before
