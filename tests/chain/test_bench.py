"""``bench compare`` with both ways in this process, and the errors of ``bench``."""

from pathlib import Path
from typing import Any

import pytest

from stream.bench import compare as comparing
from stream.bench import figures
from stream.bench import measure as measuring
from stream.config import Options
from tests.support.baseline import baseline_in_this_process
from tests.support.clips import make_clip
from tests.support.inline import run_here
from tests.support.runs import write_intrinsics
from tests.support.tiny_models import save_tiny_vjepa2

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lens", ["none", "elsewhere"])
def test_compare_takes_the_runs_lens_and_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lens: str) -> None:
    """Without rectification, or with a calibration that lies elsewhere, both ways see the same pictures."""
    clip = make_clip(tmp_path / "clip.mp4", frames=120)
    (tmp_path / "lens").mkdir()
    calibration = write_intrinsics(tmp_path / "lens")
    chosen: dict[str, Any] = {"none": {"lens.rectify": False}, "elsewhere": {"lens.intrinsics": calibration}}
    model = save_tiny_vjepa2(tmp_path / "model", encoder_px=64)
    changes = {"encoder.name": "vjepa2", "encoder.model": str(model), "output.folder": tmp_path / "runs"}
    by = {"runtime.engine": "inline", "window.preset": "16@8"}
    options = Options(source=str(clip)).replace({**changes, **by, **chosen[lens]})
    monkeypatch.setattr(measuring, "ceiling_flop_s", lambda _: 1e15)
    for of_processes in ("utilisation", "projection"):
        monkeypatch.setattr(figures, of_processes, lambda *_: None)
    monkeypatch.setattr(comparing, "run_baseline", baseline_in_this_process)
    measured = comparing.compare(options, tmp_path)
    assert measured["baseline"]["windows"] == measured["chain"]["windows"] >= 2
    assert measured["cosine_min"] > 0.99


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--encoder", "grid", "--weights", "random"), 2, "--encoder grid has no weights"),
        (("missing.mp4",), 3, "missing.mp4 does not exist"),
        (("clip.mp4", "--no-rectify", "--encoder-model", "no/such-model"), 5, "no/such-model"),
    ],
)
def test_errors_are_those_of_a_run(tmp_path: Path, words: tuple[str, ...], code: int, message: str) -> None:
    """A bench that cannot be done ends with a run's exit code and one sentence."""
    make_clip(tmp_path / "clip.mp4", frames=20)  # rendering one takes seconds
    result = run_here("bench", *words, cwd=tmp_path)
    assert result.returncode == code
    assert message in result.stderr
