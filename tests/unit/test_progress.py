"""Progress of long jobs: a bar in a terminal, few lines in a pipe, notes for JSON."""

import io
import logging

import pytest
from rich.console import Console

from models.weights.fetch import Progress
from stream.ui.progress import BYTES, PICTURES, SECONDS, STEPS, Unit, fetch_progress, progress


def output_of(unit: Unit, total: float | None, *amounts: float, terminal: bool = False) -> str:
    """What a console shows of a job that reaches these amounts."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=120)
    with progress(console, "clip_[0]", unit, total) as job:
        for amount in amounts:
            job.update(amount)
    return screen.getvalue()


def test_a_pipe_gets_a_line_for_every_tenth() -> None:
    """However often a job reports, each tenth has one line; names are no markup."""
    lines = output_of(STEPS, 200, *range(201)).splitlines()
    assert lines == [f"clip_[0]  {20 * tenth} of 200" for tenth in range(1, 11)]


def test_a_short_clip_has_a_line_every_ten_seconds() -> None:
    """Tenths of a short clip, and a clip of unknown length, have a line for every ten seconds of video."""
    assert output_of(SECONDS, 25.0, *range(26)).splitlines() == [
        "clip_[0]  0:00:10.0 of 0:00:25.0",
        "clip_[0]  0:00:20.0 of 0:00:25.0",
    ]
    assert output_of(SECONDS, None, 9.9, 10.0, 19.0, 35.0).splitlines() == [
        "clip_[0]  0:00:10.0",
        "clip_[0]  0:00:35.0",
    ]


def test_many_pictures_have_few_lines() -> None:
    """However many pictures a job has looked at, a pipe gets a line for every twenty."""
    assert output_of(PICTURES, None, *range(50)).splitlines() == ["clip_[0]  20 pictures", "clip_[0]  40 pictures"]


@pytest.mark.parametrize("unit", [SECONDS, BYTES, STEPS, PICTURES])
def test_a_terminal_gets_a_bar_that_goes_when_the_job_ends(unit: Unit) -> None:
    """The bar names the job as it is called, and its last act is to clear its line."""
    output = output_of(unit, 2.0, 1.0, 2.0, terminal=True)
    assert "clip_[0]" in output
    assert "━" in output
    assert output.rstrip().endswith("\x1b[2K")


def test_notes_are_logged_in_a_terminal_too(caplog: pytest.LogCaptureFixture) -> None:
    """Where JSON is wanted, lines are notes and the console stays empty."""
    screen = io.StringIO()
    with (
        caplog.at_level(logging.INFO, "stream.ui.progress"),
        progress(Console(file=screen, force_terminal=True), "clip", STEPS, 2, as_notes=True) as job,
    ):
        job.update(1)
        job.update(2)
    assert [record.getMessage() for record in caplog.records] == ["clip  1 of 2", "clip  2 of 2"]
    assert screen.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_download_shows_megabytes(*, terminal: bool) -> None:
    """In a terminal and in a pipe the megabytes are shown."""
    screen = io.StringIO()
    with fetch_progress(Console(force_terminal=terminal, file=screen, width=200), "owner/model") as report:
        report(Progress(20_000_000, 40_000_000))
        report(Progress(20_000_001, 40_000_000))
        report(Progress(40_000_000, 40_000_000))
    output = screen.getvalue()
    assert "40.0" in output
    if not terminal:
        lines = ("20.0 of 40.0 MB", "40.0 of 40.0 MB")
        assert output.splitlines() == [f"owner/model  {line}" for line in lines]
