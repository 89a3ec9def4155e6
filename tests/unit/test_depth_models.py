"""Depth models, saved in their real formats with small random weights and loaded as users' are."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.depth.table import make_depth_estimator
from models.errors import ModelUnavailableError
from tests.support.tiny_depth import save_tiny_depth

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds

K = np.array([[50.0, 0, 31.5], [0, 50, 19.5], [0, 0, 1]])
PICTURES = [np.random.default_rng(seed).integers(0, 256, (40, 64, 3), np.uint8) for seed in range(2)]
METRIC = {"depth_estimation_type": "metric", "max_depth": 20}


def raw_output(folder: Path) -> tuple[Any, Any]:
    """The processor of transformers, and what the model itself returns for the pictures."""
    import torch
    import transformers

    auto: Any = transformers.AutoModelForDepthEstimation
    processors: Any = transformers.AutoImageProcessor
    model, processor = auto.from_pretrained(folder), processors.from_pretrained(folder)
    with torch.inference_mode():
        return processor, model(**processor(images=PICTURES, return_tensors="pt"))


@pytest.mark.parametrize(
    ("kind", "settings", "unit", "sizes"),
    [
        ("depth_anything", METRIC, "metre", "target_sizes"),
        ("depth_anything", {}, "relative", "target_sizes"),
        ("zoedepth", {}, "metre", "source_sizes"),
        ("dpt", {}, "relative", "target_sizes"),
        ("glpn", {}, "metre", "target_sizes"),
    ],
)
def test_equal_to_transformers(kind: str, settings: dict[str, Any], unit: str, sizes: str, tmp_path: Path) -> None:
    """Metres as they are, and one over relative inverse depth."""
    folder = save_tiny_depth(tmp_path / "tiny", kind, **settings)
    estimator = make_depth_estimator(str(folder), allow_download=False)
    depths = estimator.estimate(PICTURES, K)
    processor, outputs = raw_output(folder)
    expected = processor.post_process_depth_estimation(outputs, **{sizes: [(40, 64)] * 2})
    for depth, each in zip(depths, expected, strict=True):
        values = each["predicted_depth"].numpy()
        assert depth.unit == unit
        assert depth.is_valid.any()
        found = depth.z if unit == "metre" else 1 / np.where(depth.is_valid, depth.z, 1)
        assert found[depth.is_valid] == pytest.approx(values[depth.is_valid], rel=1e-4)
    assert (estimator.facts.name, estimator.facts.licence) == ("tiny", "apache-2.0")
    assert len(estimator.facts.sha256 or "") == 64


def test_depth_pro_takes_the_known_focal_length(tmp_path: Path) -> None:
    """Its depth is that of transformers for a camera of this field of view, and grows with the focal length."""
    folder = save_tiny_depth(tmp_path / "pro", "depth_pro", use_fov_model=True)
    estimator = make_depth_estimator(str(folder))
    (depth, _), (longer, _) = estimator.estimate(PICTURES, K), estimator.estimate(PICTURES, K * [[2], [2], [1]])
    processor, outputs = raw_output(folder)
    degrees = float(np.rad2deg(2 * np.arctan(64 / 2 / 50)))
    outputs.field_of_view = outputs.field_of_view.new_full((2,), degrees)
    expected = processor.post_process_depth_estimation(outputs, target_sizes=[(40, 64)] * 2)[0]["predicted_depth"]
    ordinary = np.abs(np.log(expected.numpy())) < 3  # neither of the two clamps
    assert ordinary.mean() > 0.1
    assert depth.z[ordinary] == pytest.approx(expected.numpy()[ordinary], rel=1e-3)
    assert longer.z[ordinary] == pytest.approx(2 * depth.z[ordinary], rel=1e-5)


def test_depth_pro_without_intrinsics(tmp_path: Path) -> None:
    """It says so if it cannot estimate them."""
    estimator = make_depth_estimator(str(save_tiny_depth(tmp_path / "pro", "depth_pro")))
    with pytest.raises(ModelUnavailableError, match="give the camera's intrinsics"):
        estimator.estimate(PICTURES, None)


def test_folders_that_are_refused(tmp_path: Path) -> None:
    """Another kind of model, one that needs a depth as its prompt, one that lacks its weights."""
    folder = save_tiny_depth(tmp_path / "tiny", "depth_anything")
    other = shutil.copytree(folder, tmp_path / "other")
    config = (other / "config.json").read_text()
    (other / "config.json").write_text(config.replace('"depth_anything"', '"prompt_depth_anything"'))
    with pytest.raises(ModelUnavailableError, match="is of type 'prompt_depth_anything', expected a depth model"):
        make_depth_estimator(str(other))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match=r"model\.safetensors is missing"):
        make_depth_estimator(str(folder))
