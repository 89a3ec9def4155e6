"""The options of windows and encoder, in a real run."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from stream.commands.export_onnx import export_onnx
from stream.config import Options
from stream.errors import ModelUnavailableError, UsageError
from stream.run.prepare import prepare
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics
from tests.support.tiny_models import TINY_DIMS, save_tiny_vjepa2


def export(*args: str | Path) -> str:
    """What the command prints; its errors are raised."""
    done = CliRunner().invoke(export_onnx, [str(arg) for arg in args], catch_exceptions=False, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_a_run_with_short_sparse_windows_in_batches_by_onnx(tmp_path: Path) -> None:
    """Exported, then run: rows of 16 frames, and run.json names runtime, picking and geometry."""
    model, file = save_tiny_vjepa2(tmp_path / "model", encoder_px=64), tmp_path / "encoder.onnx"
    said = export("--encoder-model", model, "--out", file, "--frames", "16")
    assert said == f"{file}: model, float32, windows of 16 frames of 64 px\n"
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=150, fps=25)
    result = run_inline(
        "run", clip, "--out", tmp_path / "runs", "--encoder", "vjepa2", "--encoder-model", model,
        "--encoder-runtime", "onnx", "--encoder-onnx", file, "--onnx-provider", "cpu",
        "--window", "16@8", "--encoder-batch", "3", "--encoder-max-wait-s", "1.5", "--resize-mode", "letterbox",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    run_dir = tmp_path / "runs" / "clip"
    assert np.load(run_dir / "clip_temb.npy").shape == (5, 8, TINY_DIMS)
    np.testing.assert_allclose(np.load(run_dir / "clip_ts.npy"), np.arange(5), atol=0.02)
    told = manifest(run_dir)
    assert "CPUExecutionProvider" in told["encoder"]["runtime"]
    assert told["rectification"]["geometry"] == "letterbox"
    windows = told["windows"]
    assert (windows["sampling"], windows["windows"], windows["source_fps"]) == ("16@8", 5, 25.0)
    assert windows["repeated_share"] == 0.0
    assert 0 < windows["farthest_ms"] <= 20.0


def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    """A missing model is exit 5, an impossible wish exit 2, each one sentence; nothing is left behind."""
    model = save_tiny_vjepa2(tmp_path / "model", encoder_px=32)
    with pytest.raises(ModelUnavailableError, match="has no config"):
        export("--encoder-model", tmp_path, "--out", tmp_path / "e.onnx")
    with pytest.raises(UsageError, match="window of 3 frames"):
        export("--encoder-model", model, "--out", tmp_path / "e.onnx", "--frames", "3")
    with pytest.raises(UsageError, match=r"does not end in \.onnx"):
        export("--encoder-model", model, "--out", tmp_path / "e.trt")
    with pytest.raises(UsageError, match="--dtype fp8: must be one of fp32, fp16"):
        export("--encoder-model", model, "--out", tmp_path / "e.onnx", "--dtype", "fp8")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_windows_and_geometry_decide_what_is_recorded() -> None:
    """A run with other windows, frames or another runtime is another run; a batch decides nothing."""
    usual = Options(source="clip.mp4").identity()
    others: list[dict[str, object]] = [
        {"window.preset": "64@4"}, {"encoder.resize_mode": "stretch"},
        {"encoder.runtime": "onnx"}, {"encoder.onnx_provider": "cpu"},
    ]  # fmt: skip
    for changes in others:
        assert Options(source="clip.mp4").replace(changes).identity() != usual
    assert Options(source="clip.mp4").replace({"encoder.batch": 4}).identity() == usual


def test_a_run_that_goes_on_keeps_its_batch(tmp_path: Path) -> None:
    """How much of a GPU is free changes from one call to the next; a run that has begun is not refused for it."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=90)
    usual = ("run", clip, "--encoder", "grid", "--out", tmp_path / "runs")
    assert run_inline(*usual, "--encoder-batch", "3").returncode == 0
    assert "nothing to do" in run_inline(*usual).stdout
    options = Options(source=str(clip)).replace({"encoder.name": "grid", "output.folder": tmp_path / "runs"})
    assert prepare(options).options.encoder.batch == 3
    assert prepare(options.replace({"encoder.batch": 2})).options.encoder.batch == 2
    assert prepare(options.replace({"output.overwrite": True})).options.encoder.batch == 1
