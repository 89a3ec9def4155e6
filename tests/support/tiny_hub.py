"""One small model on a hub of the tests' own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import stamina

from tests.support.hub_listings import Repo
from tests.support.hub_server import Hub, point_client_at, serving

NAME = "someone/tiny"
WEIGHTS = bytes(range(256)) * 4000
STORED = "/storage/someone/tiny/model.safetensors"
"""The address of the weights."""


@contextmanager
def tiny_hub(home: Path, patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, asked by the client in this process, which does not wait between two tries."""
    files = {"config.json": b"{}", "tokenizer.json": b"{ }", "model.safetensors": WEIGHTS, "model.py": b"code"}
    with serving(Repo(NAME, files)) as hub, stamina.set_testing(True, attempts=3):
        point_client_at(hub, home, patch)
        yield hub
