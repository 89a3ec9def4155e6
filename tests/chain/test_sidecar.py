"""A run records how a sidecar differs from its clip."""

import json
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", frames=30)


def write_sidecar(clip: Path, **changes: object) -> Path:
    """What Egocentric-100K keeps beside a clip, with something changed."""
    facts = {
        "factory_id": "factory_001", "duration_sec": 1.0, "width": 128, "height": 96, "fps": 30.0,
        "size_bytes": clip.stat().st_size, "codec": "h265",
    }  # fmt: skip
    path = clip.with_suffix(".json")
    path.write_text(json.dumps({**facts, **changes}))
    return path


def test_record_and_user_get_the_warning(clip: Path, tmp_path: Path) -> None:
    """``run.json`` holds the disagreements, one line is shown, and the run goes by the clip's own facts."""
    write_intrinsics(tmp_path)
    write_sidecar(clip, fps=15, duration_sec=60.0)
    result = run_inline(clip, "--encoder", "grid", "--out", tmp_path / "runs")
    assert result.returncode == 0
    assert result.stdout.count("fps 15 (the clip: 30.0), duration_sec 60.0 (the clip: 1.0)") == 1
    warning = manifest(tmp_path / "runs" / "clip")["source"]["sidecar"]
    assert warning["disagreements"] == [
        {"field": "fps", "sidecar": 15, "clip": 30.0},
        {"field": "duration_sec", "sidecar": 60.0, "clip": 1.0},
    ]
    assert "finished: 0:00:01.0 of video" in result.stdout
