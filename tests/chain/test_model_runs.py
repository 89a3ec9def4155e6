"""Runs with a model of random weights, and what cannot be exported of one."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from stream.commands.export_onnx import export_onnx
from stream.errors import ModelUnavailableError, UsageError
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics
from tests.support.tiny_models import TINY_DIMS, save_tiny_vjepa2

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds


def test_real_model_runs_in_the_chain(tmp_path: Path) -> None:
    """V-JEPA 2 runs in the chain from a local folder, at its own frame size, and the record names its weights."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=80)
    model = save_tiny_vjepa2(tmp_path / "tiny", encoder_px=64)
    result = run_inline(clip, "--encoder", "vjepa2", "--encoder-model", model, "--out", tmp_path / "runs")
    assert (result.returncode, result.stderr) == (0, "")
    run_dir = tmp_path / "runs" / "clip"
    assert np.load(run_dir / "clip_temb.npy").shape == (1, 32, TINY_DIMS)
    recorded = manifest(run_dir)["encoder"]
    assert recorded["weights_sha256"] == hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    assert "grid" not in json.dumps(recorded)


def export(*args: str | Path) -> str:
    """What the command prints; its errors are raised."""
    result = CliRunner().invoke(export_onnx, [str(arg) for arg in args], catch_exceptions=False, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_failed_export_is_an_error(tmp_path: Path) -> None:
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
