"""Options that contradict each other or their source are refused before the run begins."""

from pathlib import Path

import pytest

from stream.config import Options
from stream.engines.pool import check_concurrent
from stream.errors import ExitCode, ModelUnavailableError, UsageError, exit_code_of
from stream.run.prepare import prepare, with_encoder
from stream.sources.address import ClipSpec
from stream.sources.network import network
from stream.sources.remote.address import parse_address
from tests.support.data_hub import EGO_100K


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"encoder.runtime": "onnx"},
            "--encoder-runtime onnx needs an exported encoder: name it with --encoder-onnx FILE",
        ),
        ({"encoder.onnx": Path("e.onnx")}, "--encoder-onnx e.onnx is read only with --encoder-runtime onnx: "),
        (
            {"encoder.name": "grid", "encoder.runtime": "onnx", "encoder.onnx": Path("e.onnx")},
            "grid encoder is not run by",
        ),
    ],
)
def test_contradictions_are_usage_errors(changes: dict[str, object], message: str) -> None:
    """An option that would be ignored, or misses its other half, is refused before anything starts."""
    with pytest.raises(UsageError, match=message):
        with_encoder(Options(source="clip.mp4").replace(changes))


@pytest.mark.parametrize(
    ("changes", "clips", "message"),
    [
        ({"monitoring.metrics_port": 9100}, ["a.mp4", "b.mp4"], "--metrics-port 9100 contradict"),
        ({}, ["a.mp4", "-"], "standard input cannot be one of several"),
    ],
)
def test_what_cannot_be_shared_is_refused(changes: dict[str, object], clips: list[str], message: str) -> None:
    """Jobs that would be in each other's way are a usage error, before any begins."""
    with pytest.raises(UsageError, match=message):
        check_concurrent(Options(source="a.mp4").replace(changes), [ClipSpec(clip) for clip in clips])


CLIP = EGO_100K.clip(2)


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is exit 5 and a command that installs it."""
    monkeypatch.setattr("models.packages.find_spec", lambda _: None)
    with pytest.raises(
        ModelUnavailableError, match=r"huggingface_hub is not installed: pip install -e '\.\[hub\]'"
    ) as error:
        parse_address(CLIP)
    assert exit_code_of(error.value) == ExitCode.MODEL_MISSING


def test_offline_and_the_hub_contradict(tmp_path: Path) -> None:
    """--offline fetches nothing, and says that this clip would have to be."""
    with network(offline=True), pytest.raises(UsageError, match=r"--offline forbids the network, and hf://"):
        prepare(Options(source=CLIP).replace({"runtime.offline": True, "output.folder": tmp_path}))
