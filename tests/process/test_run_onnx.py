"""A run by ONNX Runtime: its options reach the encoder, and run.json names them."""

from pathlib import Path

import numpy as np
from click.testing import CliRunner

from stream.commands.export_onnx import export_onnx
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics
from tests.support.tiny_models import TINY_DIMS, save_tiny_vjepa2


def test_a_run_with_short_sparse_windows_in_batches_by_onnx(tmp_path: Path) -> None:
    """Exported, then run: rows of 16 frames, and run.json names runtime, picking and geometry."""
    model, file = save_tiny_vjepa2(tmp_path / "model", encoder_px=64), tmp_path / "encoder.onnx"
    words = ["--encoder-model", str(model), "--out", str(file), "--frames", "16"]
    exported = CliRunner().invoke(export_onnx, words, catch_exceptions=False)
    assert exported.output == f"{file}: model, float32, windows of 16 frames of 64 px\n"
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
    run_manifest = manifest(run_dir)
    assert "CPUExecutionProvider" in run_manifest["encoder"]["runtime"]
    assert run_manifest["rectification"]["geometry"] == "letterbox"
    windows = run_manifest["windows"]
    assert (windows["sampling"], windows["windows"], windows["source_fps"]) == ("16@8", 5, 25.0)
    assert windows["repeated_share"] == 0.0
    assert 0 < windows["farthest_ms"] <= 20.0
