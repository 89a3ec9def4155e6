"""The command ``report``: which runs it shows, and where it refuses to write."""

import os
import re
from pathlib import Path

import pytest

from exporters.report import export
from tests.support.inline import run_here
from tests.support.report_runs import ReportRun, make_report_run


def test_a_run_that_is_named_twice_is_shown_once(tmp_path: Path) -> None:
    """By itself, by a link, and by its folder; a link that leads to itself is no run."""
    run = make_report_run(tmp_path / "runs", ReportRun("one", segments=2))
    (tmp_path / "runs" / "linked").symlink_to(run)
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs" / "loop")
    done = run_here("report", run, tmp_path / "runs", "--out", tmp_path / "page.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert ": 1 run, 2 segments," in done.stdout


def test_a_link_that_leads_to_itself_is_not_a_run(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    done = run_here("report", tmp_path / "loop", "--out", tmp_path / "page.html")
    assert done.returncode == 3
    assert "loop is no folder: name a run directory" in done.stderr


def test_places_where_no_page_can_be(tmp_path: Path) -> None:
    """Each is named, with the reason; what is there stays."""
    run = make_report_run(tmp_path, ReportRun("one", segments=1))
    (tmp_path / "file").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    for out, reason in (
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "is no regular file"),
        (tmp_path / "file" / "page.html", "cannot be written"),
        (tmp_path / ("x" * 250 + ".html"), "File name too long"),
        (Path("/proc/page.html"), "cannot be written"),
    ):
        done = run_here("report", run, "--out", out)
        assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "pipe").is_fifo()


def test_a_page_whose_name_is_no_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of its videos has the bytes of their folder."""
    run = make_report_run(tmp_path, ReportRun("one", segments=1))
    monkeypatch.setattr(export, "write_video", lambda _run, folder, *_: folder / "one.mp4")
    page = tmp_path / os.fsdecode(b"caf\xe9.html")
    assert run_here("report", run, "--out", page, "--video").returncode == 0
    assert '"video":"caf%E9_videos/one.mp4"' in page.read_text()


@pytest.mark.parametrize("unreadable", ["a folder", "too large", "empty"])
def test_a_keyframe_that_cannot_be_read_is_left_out(tmp_path: Path, unreadable: str) -> None:
    run = make_report_run(tmp_path, ReportRun("one", segments=1))
    frame = run / "keyframes" / "0000003000.jpg"
    content = bytearray(frame.read_bytes())
    frame.unlink()
    if unreadable == "a folder":
        frame.mkdir()
    else:
        size = re.search(rb"\xff\xc0..\x08(....)", bytes(content), re.DOTALL)
        assert size
        content[size.start(1) : size.end(1)] = b"\xff\xff\xff\xff"
        frame.write_bytes(content if unreadable == "too large" else b"")
    done = run_here("report", run, "--out", tmp_path / "page.html")
    assert (done.returncode, done.stderr) == (0, "")
