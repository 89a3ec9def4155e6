"""What ``--encoder auto`` chose without the packages of V-JEPA 2 is said at once, and in every record."""

import json
import sys
from pathlib import Path

import pytest

from exporters.dataset.provenance import run_facts
from exporters.report.run import shown_run
from exporters.run_view import view_run
from stream.errors import ExitCode
from stream.records import RunStarted, open_run
from tests.support.clips import make_clip
from tests.support.inline import run_inline

WHY = "auto: the extra vjepa is not installed"


def test_the_grid_in_place_of_auto_is_named_in_every_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first line, the first event, ``run.json``, the provenance of exports and the report."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delenv("EGOCLEAN_ENCODER", raising=False)
    clip = make_clip(tmp_path / "clip.mp4", frames=90)
    result = run_inline(clip, "--no-rectify", "--out", tmp_path / "runs")
    assert result.returncode == ExitCode.DONE, result.stderr
    assert result.stdout.splitlines()[0].endswith(f"clip.mp4, encoder grid ({WHY}), annotator none")
    run = open_run(tmp_path / "runs" / "clip")
    started = next(event for event in run.events() if isinstance(event, RunStarted))
    assert (started.encoder, started.encoder_reason) == ("grid", WHY)
    assert run.manifest().encoder["reason"] == run.manifest().options["encoder"]["reason"] == WHY
    view = view_run(tmp_path / "runs" / "clip")
    assert run_facts(view, {}, "").encoder["reason"] == WHY
    rows = [row for group in shown_run(view, "clip").facts for row in group.rows]
    assert ("encoder.reason", WHY) in rows


def test_a_variable_still_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names an encoder, here by the environment, chose it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("EGOCLEAN_ENCODER", "grid")
    clip = make_clip(tmp_path / "clip.mp4", frames=20)
    result = run_inline(clip, "--no-rectify", "--out", tmp_path / "runs")
    assert "encoder grid, annotator none" in result.stdout
    assert "reason" not in json.loads((tmp_path / "runs" / "clip" / "run.json").read_text())["encoder"]
    monkeypatch.setenv("EGOCLEAN_ENCODER", "vjepa2")
    refused = run_inline(clip, "--no-rectify", "--out", tmp_path / "other")
    assert refused.returncode == ExitCode.MODEL_MISSING
    assert refused.stderr.count("--encoder grid needs no weights") == 1
