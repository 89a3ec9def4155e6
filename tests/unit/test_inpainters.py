"""Inpainters, saved in their real formats with small random weights and loaded as users' are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelUnavailableError
from models.inpaint.table import make_inpainter
from tests.support.tiny_inpainters import save_tiny_diffusion, save_tiny_lama

pytestmark = pytest.mark.slow  # ONNX Runtime and torch take seconds to import

PICTURE = np.random.default_rng(0).integers(0, 256, (45, 83, 3), np.uint8)
IS_HOLE = np.zeros((45, 83), np.bool_)
IS_HOLE[10:30, 20:50] = True


@pytest.mark.parametrize("size", [None, (64, 64)])
def test_lama(size: tuple[int, int] | None, tmp_path: Path) -> None:
    """A graph of any size sees the picture itself, one of a fixed size a smaller one; the hole is painted."""
    pytest.importorskip("onnxruntime")
    save_tiny_lama(tmp_path / "lama.onnx", size)
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    inpainter = make_inpainter(str(tmp_path / "lama.onnx"))
    painted = inpainter.inpaint(PICTURE, IS_HOLE, "", 0)
    assert painted.shape == PICTURE.shape
    assert (painted[12:28, 24:46] == 77).all()
    if size is None:
        assert np.array_equal(painted[~IS_HOLE], PICTURE[~IS_HOLE])
    assert (inpainter.facts.name, inpainter.facts.licence) == ("lama", "apache-2.0")
    assert len(inpainter.facts.sha256 or "") == 64


def test_another_graph_is_no_lama(tmp_path: Path) -> None:
    """Its inputs are named."""
    pytest.importorskip("onnxruntime")
    save_tiny_lama(tmp_path / "other.onnx", None, mask="holes")
    with pytest.raises(ModelUnavailableError, match="takes holes, image, but LaMa takes image and mask"):
        make_inpainter(str(tmp_path / "other.onnx"))


def test_a_pipeline_of_diffusers(tmp_path: Path) -> None:
    """Pictures of any size; the same seed gives the same bytes, another one others."""
    pytest.importorskip("diffusers")
    folder = save_tiny_diffusion(tmp_path / "tiny")
    inpainter = make_inpainter(str(folder))
    first, again, other = (inpainter.inpaint(PICTURE, IS_HOLE, "a bench", seed) for seed in (1, 1, 2))
    assert first.shape == PICTURE.shape
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert (inpainter.facts.name, inpainter.facts.revision, inpainter.facts.licence) == ("tiny", "local", "mit")
    assert len(inpainter.facts.sha256 or "") == 64
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        make_inpainter(str(folder))


def test_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, a pipeline in it, a package."""
    with pytest.raises(ModelUnavailableError, match="is neither an ONNX file nor a folder"):
        make_inpainter("owner/name")

    def not_installed(_: str) -> Any:  # noqa: ANN401
        return None

    monkeypatch.setattr("models.packages.find_spec", not_installed)
    with pytest.raises(ModelUnavailableError, match=r"diffusers, torch.* not installed: pip install .*\[diffusers\]"):
        make_inpainter(str(tmp_path))
