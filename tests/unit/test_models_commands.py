"""The commands that fetch and list models, and that a run keeps off the network and keeps its secrets."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream.commands.models import models
from stream.config import Options
from stream.errors import ModelUnavailableError
from stream.run.prepare import prepare
from tests.support.hub_server import Hub
from tests.support.tiny_hub import NAME, tiny_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, asked by this process."""
    with tiny_hub(tmp_path, monkeypatch) as hub:
        yield hub


def test_offline_run_uses_no_network(hub: Hub, clip: Path) -> None:
    """A run that must not fetch ends before its first frame, with the code for a missing model."""
    options = Options(source=str(clip)).replace(
        {"lens.rectify": False, "encoder.name": "vjepa2", "encoder.model": NAME, "runtime.offline": True}
    )
    with pytest.raises(ModelUnavailableError, match=f"{NAME}.*models fetch"):
        prepare(options)
    assert hub.requests == []


@pytest.mark.parametrize("client", ["installed", "missing"])
def test_a_list_without_models_says_so(client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no program is installed that could have downloaded one."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    if client == "missing":
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        monkeypatch.setattr("stream.commands.models.find_spec", lambda _: None)
    result = CliRunner().invoke(models, ["list"], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.startswith("no model is in Hugging Face's cache: `egoclean-stream models fetch` downloads")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--encoder", "grid"), "encoder grid and annotator none"),
        (
            ("--encoder", "grid", "--annotator", "openai", "--annotator-model", "served"),
            "encoder grid and annotator openai",
        ),
        (("--encoder-model", "a/b"), "the model 'a/b'"),
        (
            ("--annotator", "qwen", "--encoder", "grid"),
            "the model 'Qwen/Qwen2.5-VL-7B-Instruct@cc594898137f460bfe9f0759e9844b3ce807cfb5'",
        ),
        (("--annotator", "qwen", "--annotator-model", "c/d@v1", "--encoder", "grid"), "the model 'c/d@v1'"),
    ],
)
def test_fetches_what_the_options_need(options: tuple[str, ...], message: str, hub: Hub) -> None:
    """The weights that a run with these options loads are looked for: none for the grid, none for a server."""
    result = CliRunner().invoke(models, ["fetch", "--offline", *options])
    assert hub.requests == []
    if result.exit_code == 0:
        assert result.output == f"{message} have no weights: nothing to download\n"
    else:
        assert message.startswith("the model")
        assert str(result.exception).startswith(message)
