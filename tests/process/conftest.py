"""Fixtures that several files of these tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data_hub import clip_bytes, worker_hub
from tests.support.described import words
from tests.support.hub_server import Hub
from tests.support.inline import run_inline
from tests.support.made_once import MadeOnce
from tests.support.openai_server import serving


@pytest.fixture(scope="session")
def undisturbed(described_clip: Path, made_once: MadeOnce) -> Path:
    """The run directory of a run with an annotator that nothing befell."""

    def run(out: Path) -> None:
        with serving() as server:
            result = run_inline(*words(described_clip, out, server))
        assert (result.returncode, result.stderr) == (0, "")

    return made_once("undisturbed", run) / "clip"


@pytest.fixture(scope="session")
def remote_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real clip with its index at the end."""
    return clip_bytes(tmp_path_factory.mktemp("remote"))


@pytest.fixture
def hub(tmp_path: Path, remote_clip: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with both data sets."""
    with worker_hub(remote_clip, tmp_path, monkeypatch) as hub:
        yield hub
