"""Finding weights in a fresh interpreter, whose client reads its environment; the rest is in tests/unit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_listings import COMMIT, Repo
from tests.support.hub_server import Hub, serving

ROOT = Path(__file__).parents[2]


NAME = "someone/vjepa2-tiny"


CONFIG = b'{"model_type": "vjepa2"}'


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub on this machine that holds one model, beside files that must not be fetched."""
    files = {
        "config.json": CONFIG,
        "model.safetensors": b"weights",
        "pytorch_model.bin": b"pickle",
        "model.py": b"code",
        "other/model.safetensors": b"another format",
    }
    with serving(Repo(NAME, files)) as hub:
        yield hub


def _locate(home: Path, name: str, *, allow_download: bool, **changes: str) -> str:
    """What ``locate`` gives in a fresh interpreter: the hub's client reads its environment once, at its import."""
    code = """
import sys
from models.errors import ModelUnavailableError
from models.weights.weights import locate
try:
    print(locate(sys.argv[1], allow_download=sys.argv[2] == "True"))
except ModelUnavailableError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, name, str(allow_download)]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    result = subprocess.run(
        command, cwd=ROOT, env={**inherited, "HF_HOME": str(home), **changes},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def _snapshot(home: Path) -> Path:
    return home / "hub" / f"models--{NAME.replace('/', '--')}" / "snapshots" / COMMIT


def test_fetched_once_then_from_the_cache(tmp_path: Path, hub: Hub) -> None:
    """The hub is asked the first time; the second time nothing goes over the network."""
    first = _locate(tmp_path, NAME, allow_download=True, HF_ENDPOINT=hub.endpoint)
    assert first == str(_snapshot(tmp_path))
    assert (Path(first) / "model.safetensors").read_bytes() == b"weights"
    hub.requests.clear()
    assert _locate(tmp_path, NAME, allow_download=True, HF_ENDPOINT=hub.endpoint) == first
    assert hub.requests == []


@pytest.mark.parametrize(
    ("allow_download", "environment", "helps"),
    [
        (False, {}, "`egoclean-stream models fetch`"),
        (True, {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE forbids the network"),
        (True, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "check the network, or HF_ENDPOINT"),
    ],
    ids=["not allowed", "offline mode", "no connection"],
)
def test_unreachable_weights_say_what_helps(
    tmp_path: Path, hub: Hub, *, allow_download: bool, environment: dict[str, str], helps: str
) -> None:
    """Where the weights cannot be had, the error says what helps, and a forbidden network is left alone."""
    message = _locate(tmp_path, NAME, allow_download=allow_download, **{"HF_ENDPOINT": hub.endpoint, **environment})
    assert repr(NAME) in message
    assert helps in message
    assert "\n" not in message
    assert hub.requests == []
