"""Finding weights on a hub: from this process, and from a fresh one, whose client reads its environment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import ModelUnavailableError
from models.weights.weights import locate
from tests.support.hub_listings import COMMIT, Repo
from tests.support.hub_server import Hub, point_client_at, serving

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


@pytest.fixture
def own_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The same hub, for the client of this process."""
    point_client_at(hub, tmp_path, monkeypatch)
    return hub


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


def _cache(home: Path, files: dict[str, bytes]) -> None:
    """Write files of the model in the layout of the hub's cache."""
    snapshot = _snapshot(home)
    contents = {snapshot / name: content for name, content in files.items()}
    for path, content in {snapshot.parents[1] / "refs" / "main": COMMIT.encode(), **contents}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_neither_code_nor_pickles_are_fetched(own_hub: Hub) -> None:
    """Only configuration and safetensors come from the hub."""
    folder = locate(NAME, allow_download=True)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert not [
        request
        for request in own_hub.requests_for("")
        if request.path.endswith((".py", ".bin", "other/model.safetensors"))
    ]


def test_broken_off_download_is_completed(tmp_path: Path, own_hub: Hub) -> None:
    """A cached snapshot that lacks its weights is fetched again, not returned."""
    _cache(tmp_path, {"config.json": CONFIG})
    folder = locate(NAME, allow_download=True)
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert own_hub.requests


def test_cache_is_enough_without_the_hub(tmp_path: Path, own_hub: Hub) -> None:
    """A model that was fetched before is found without any network."""
    _cache(tmp_path, {"config.json": CONFIG, "model.safetensors": b"weights"})
    assert locate(NAME, allow_download=False) == _snapshot(tmp_path)
    assert own_hub.requests == []


@pytest.mark.usefixtures("own_hub")
def test_unknown_name_is_unavailable() -> None:
    """A model that the hub does not know is the same error, not a traceback of the hub's client."""
    message = "^the model 'someone/else' cannot be fetched: there is no repository of this name"
    with pytest.raises(ModelUnavailableError, match=message):
        locate("someone/else", allow_download=True)
