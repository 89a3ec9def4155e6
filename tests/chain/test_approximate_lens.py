"""A preset is no calibration: what a run leaves behind says so, and so does what is made from it."""

from pathlib import Path

import av

from exporters.report.run import shown_run
from exporters.run_view import view_run
from stream.config import Options
from stream.doctor.clip import PlannedRun, lens
from stream.errors import ExitCode
from stream.geometry.calibrations.table import read_calibration
from stream.records import RunStarted, open_run
from stream.records.listing import list_run
from tests.support.clips import make_clip
from tests.support.inline import run_here, run_inline
from tests.support.rectified import invoke

PRESET = "approximate preset phone"


def test_every_record_of_a_run_names_the_preset(tmp_path: Path) -> None:
    """The first lines, the first event, ``run.json``, ``show`` and the report."""
    clip = make_clip(tmp_path / "clip.mp4", frames=6)
    result = run_inline(clip, "--lens", "phone", "--encoder", "grid", "--out", tmp_path / "runs")
    assert result.returncode in (ExitCode.DONE, ExitCode.PARTIAL), result.stderr
    assert f"the lens is an {PRESET}" in result.stdout + result.stderr
    folder = tmp_path / "runs" / "clip"
    run = open_run(folder)
    assert next(event.lens for event in run.events() if isinstance(event, RunStarted)) == PRESET
    assert run.manifest().intrinsics_format == PRESET
    assert list_run(folder).run.lens == PRESET
    assert "with an approximate lens" in run_here("show", folder).stdout
    rows = [row for group in shown_run(view_run(folder), "clip").facts for row in group.rows]
    assert ("calibration", PRESET) in rows


def test_a_calibration_or_none_is_no_preset(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=6)
    run_inline(clip, "--no-rectify", "--encoder", "grid", "--out", tmp_path / "runs")
    folder = tmp_path / "runs" / "clip"
    assert list_run(folder).run.lens == ""
    assert '"lens"' not in (folder / "events.jsonl").read_text().partition("\n")[0]
    assert "approximate" not in run_here("show", folder).stdout


def test_doctor_names_the_preset_and_what_would_be_better(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=6)
    found = lens(PlannedRun(Options(source=str(clip)).replace({"lens.preset": "phone"})))
    assert found.message == f"{PRESET}: `egoclean-stream check-rectify` shows how well it fits"
    assert "calibrate" in found.hint


def test_a_rectified_video_says_so_itself_and_stays_approximate(tmp_path: Path) -> None:
    """The MP4 has a comment, and the pinhole camera beside it is one of a preset wherever it is read."""
    clip = make_clip(tmp_path / "clip.mp4", frames=6)
    assert invoke(clip, "--out", tmp_path, "--lens", "phone", "--preset", "ultrafast").exit_code == 0
    with av.open(str(tmp_path / "clip_rectified.mp4")) as container:
        assert container.metadata["comment"] == f"rectified, lens: {PRESET}"
    calibration = read_calibration(tmp_path / "clip_intrinsics.json")
    assert (calibration.format, calibration.is_approximate) == (PRESET, True)
