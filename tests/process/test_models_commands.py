"""The commands that fetch and list models, and that a run keeps off the network and keeps its secrets."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from models.weights.weights import fetched
from stream.errors import ExitCode
from tests.support.clips import make_clip
from tests.support.hub_listings import COMMIT
from tests.support.hub_server import TOKEN, Fault, Hub, environment
from tests.support.runs import DEADLINE_S, program, write_intrinsics
from tests.support.tiny_hub import NAME, STORED, WEIGHTS, tiny_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, asked by this process."""
    with tiny_hub(tmp_path, monkeypatch) as hub:
        yield hub


def test_commands_fetch_and_list(tmp_path: Path, hub: Hub) -> None:
    """The command says what came and how to name it again; offline it finds it, and the list has it."""
    fetch = ("models", "fetch", "--encoder-model", NAME)
    first = _program(hub, tmp_path, *fetch)
    assert (first.returncode, first.stderr) == (0, "")
    assert f"{NAME}@{COMMIT} is complete" in first.stdout
    assert f"{NAME}  1.0 of 1.0 MB" in first.stdout
    hub.requests.clear()
    again = _program(hub, tmp_path, *fetch[:-1], f"{NAME}@{COMMIT}", "--offline")
    assert (again.returncode, again.stdout.splitlines()) == (0, first.stdout.splitlines()[-1:])
    listed = _program(hub, tmp_path, "models", "list", HF_HUB_OFFLINE="1")
    assert listed.stdout == f"{NAME}@{COMMIT}  main  1000 KiB  complete\n"
    assert hub.requests == []


def test_cache_that_cannot_be_written_is_a_sentence(tmp_path: Path, hub: Hub) -> None:
    """Exit 5 and one line that names the folder and HF_HOME, not a fault of the program."""
    (tmp_path / "file").write_text("")
    result = _program(hub, tmp_path, "models", "fetch", "--encoder-model", NAME, HF_HOME=str(tmp_path / "file"))
    assert result.returncode == ExitCode.MODEL_MISSING
    (line,) = result.stderr.splitlines()
    assert f"the hub's cache {tmp_path}/file/hub cannot be used" in line
    assert "set HF_HOME" in line


def test_killed_download_is_continued_later(tmp_path: Path, hub: Hub) -> None:
    """The files that a killed process had completed are not fetched again."""
    hub.faults[STORED] = [Fault(cut_after=300_000, holds=True)]
    fetch = program("models", "fetch", "--encoder-model", NAME)
    with subprocess.Popen(fetch, cwd=tmp_path, env=_environ(hub, tmp_path), stdout=subprocess.DEVNULL) as process:
        _wait_until(lambda: bool(hub.requests_for(STORED)), process)
        process.kill()
    hub.requests.clear()
    assert (fetched(NAME) / "model.safetensors").read_bytes() == WEIGHTS
    assert [request.path for request in hub.requests_for(".json")] == []
    assert len(hub.requests_for(STORED)) == 1


def test_token_is_nowhere_but_in_its_file(tmp_path: Path, hub: Hub) -> None:
    """A token in ``.env`` opens the hub's door, and is in no output, no record and no cache afterwards."""
    (tmp_path / ".env").write_text(f"HF_TOKEN={TOKEN}\n")
    write_intrinsics(tmp_path)
    make_clip(tmp_path / "clip.mp4")
    hub.repos[0].access = "gated"
    refused = _program(hub, tmp_path, "models", "fetch", "--encoder-model", NAME)
    assert (refused.returncode, refused.stderr.count("\n")) == (5, 1)
    ran = _program(hub, tmp_path, "run", "clip.mp4", "--encoder", "grid")
    assert ran.returncode == 0, ran.stderr
    assert f"Bearer {TOKEN}" in {request.authorization for request in hub.requests}
    assert TOKEN not in refused.stdout + refused.stderr + ran.stdout + ran.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".env"]
    assert len(files) > 5
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


def _program(hub: Hub, home: Path, *args: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environ = {**_environ(hub, home), **changes}
    return subprocess.run(program(*args), cwd=home, env=environ, capture_output=True, text=True, check=False)


def _environ(hub: Hub, home: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return {**environment(hub, home), "PYTHONPATH": path}


def _wait_until(true: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline_s
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the program ended with {process.wait(0.01)}")
