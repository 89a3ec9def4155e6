"""Depth models in ONNX: graphs with the inputs and outputs of published ones, and small random weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.depth.table import make_depth_estimator
from models.errors import ModelUnavailableError

pytest.importorskip("onnxruntime")
HEIGHT, WIDTH = 42, 70
K = np.array([[60.0, 0, 34.5], [0, 60, 20.5], [0, 0, 1]])
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
MOGE: dict[str, Any] = {
    "model": "moge-2-small", "licence": "MIT", "meaning": "points", "depth_output": "points", "mask_output": "mask",
    "scale_output": "metric_scale", "constants": {"num_tokens": 1800}, "longest_px": 70,
}  # fmt: skip
DA3: dict[str, Any] = {
    "model": "da3-metric", "licence": "Apache-2.0", "meaning": "canonical", "canonical_focal_px": 300.0,
    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "confidence_output": "confidence", "longest_px": 140,
}  # fmt: skip


def save_graph(file: Path, nodes: list[Any], outputs: dict[str, list[Any]], *, tokens: bool, size: Any = None) -> None:  # noqa: ANN401
    """A graph with a 1x1 convolution of the picture, ``raw``, of four random positive channels, and these nodes."""
    import onnx
    from onnx import TensorProto as Type
    from onnx import helper, numpy_helper

    weights = np.random.default_rng(1).uniform(0.1, 1, (4, 3, 1, 1)).astype(np.float32)
    constants: dict[str, npt.NDArray[Any]] = {"weights": weights, "bias": np.array([0, 0, 1, 3], np.float32)}
    constants |= {"scale": np.array([2.5], np.float32), "axes": np.array([1]), "starts": np.array([0])}
    constants |= {"first": np.array([1]), "third": np.array([3])}
    inputs = [helper.make_tensor_value_info("image", Type.FLOAT, ["n", 3, *(size or ["h", "w"])])]
    inputs += [helper.make_tensor_value_info("num_tokens", Type.INT64, [])] if tokens else []
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights", "bias"], ["raw"]), *nodes],
        "depth",
        inputs,
        [helper.make_tensor_value_info(name, Type.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), file)


def save_moge(file: Path) -> None:
    """As MoGe-2 is exported: points, mask and metric scale, from a picture and a number of tokens."""
    from onnx import helper

    nodes = [
        helper.make_node("Slice", ["raw", "starts", "third", "axes"], ["xyz"]),
        helper.make_node("Transpose", ["xyz"], ["points"], perm=[0, 2, 3, 1]),
        helper.make_node("Slice", ["raw", "starts", "first", "axes"], ["red"]),
        helper.make_node("Sigmoid", ["red"], ["sure"]),
        helper.make_node("Squeeze", ["sure", "axes"], ["mask"]),
        helper.make_node("Identity", ["scale"], ["metric_scale"]),
    ]
    save_graph(file, nodes, {"points": ["n", "h", "w", 3], "mask": ["n", "h", "w"], "metric_scale": [1]}, tokens=True)


def save_da3(file: Path, size: Any = None) -> None:  # noqa: ANN401
    """As Depth Anything 3's metric model is exported: depth in the canonical camera."""
    from onnx import helper

    nodes = [
        helper.make_node("Slice", ["raw", "third", "big", "axes"], ["depth"]),
        helper.make_node("Sigmoid", ["depth"], ["confidence"]),
    ]
    nodes.insert(0, helper.make_node("Constant", [], ["big"], value_ints=[4]))
    save_graph(file, nodes, {"depth": ["n", 1, "h", "w"], "confidence": ["n", 1, "h", "w"]}, tokens=False, size=size)


def raw(picture: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """What the convolution gives, (H, W, 4)."""
    weights = np.random.default_rng(1).uniform(0.1, 1, (4, 3, 1, 1)).astype(np.float32)
    return picture @ weights[:, :, 0, 0].T.astype(np.float64) + [0, 0, 1, 3]


def test_points_are_shifted_and_scaled(tmp_path: Path) -> None:
    """With the shift that projects them best, and the scale that the model returns."""
    save_moge(tmp_path / "moge.onnx")
    (tmp_path / "moge.json").write_text(json.dumps(MOGE))
    estimator = make_depth_estimator(str(tmp_path / "moge.onnx"))
    (depth,) = estimator.estimate([PICTURE], K)
    points = raw(PICTURE / 255)
    shifts = depth.z[depth.is_valid] / 2.5 - points[..., 2][depth.is_valid]
    assert depth.unit == "metre"
    assert depth.is_valid.mean() > 0.3
    assert np.ptp(shifts) < 1e-5
    assert (estimator.facts.name, estimator.facts.licence) == ("moge-2-small", "MIT")
    assert len(estimator.facts.sha256 or "") == 64
    with pytest.raises(ModelUnavailableError, match="needs the camera's intrinsics"):
        estimator.estimate([PICTURE], None)


@pytest.mark.parametrize("size", [None, [84, 140]])
def test_canonical_depth_is_scaled_by_the_focal_length_that_the_network_sees(size: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """The network sees the picture in twice its size, and with it twice the focal length."""
    save_da3(tmp_path / "da3.onnx", size)
    (tmp_path / "da3.json").write_text(json.dumps(DA3))
    grey = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    (depth,) = make_depth_estimator(str(tmp_path / "da3.onnx")).estimate([grey], K)
    values = raw((grey / 255 - DA3["mean"]) / DA3["std"])[..., 3]
    assert depth.z.shape == (HEIGHT, WIDTH)
    assert depth.z == pytest.approx(values * 120 / 300, rel=1e-4)
    assert depth.confidence == pytest.approx(1 / (1 + np.exp(-values)), rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"meaning": "inverse"}, "moge.json does not describe a depth model: meaning"),
        ({"canonical_focal_px": 300.0}, "canonical_focal_px belongs to the meaning"),
        ({"constants": {}}, "takes image, num_tokens, and moge.json declares image"),
        ({"mask_output": "valid"}, "returns mask, metric_scale, points, and not valid"),
    ],
)
def test_declarations_that_do_not_fit(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    """One sentence names what does not."""
    save_moge(tmp_path / "moge.onnx")
    (tmp_path / "moge.json").write_text(json.dumps({**MOGE, **changes}))
    with pytest.raises(ModelUnavailableError, match=message):
        make_depth_estimator(str(tmp_path / "moge.onnx"))


def test_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(ModelUnavailableError, match=r"absent\.json, which says what absent\.onnx takes"):
        make_depth_estimator(str(tmp_path / "absent.onnx"))
    (tmp_path / "absent.json").write_text(json.dumps(MOGE))
    with pytest.raises(ModelUnavailableError, match=r"absent\.onnx does not exist"):
        make_depth_estimator(str(tmp_path / "absent.onnx"))
    (tmp_path / "absent.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelUnavailableError, match=r"ONNX Runtime cannot run .*absent\.onnx"):
        make_depth_estimator(str(tmp_path / "absent.onnx"))
