"""With ``--offline`` nothing goes over the network, with any command and scheme."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from stream.annotation.factory import settle
from stream.cli import cli
from stream.config import Options
from stream.errors import UnreachableError, UsageError
from stream.sources.address import Address
from stream.sources.live.connect import connect
from stream.sources.network import is_on_this_machine, network
from stream.sources.table import open_source

_connections: Final[list[object]] = []


def _count(event: str, details: tuple[object, ...]) -> None:
    """Note each connection and each look-up of a host that this process attempts."""
    if event in ("socket.connect", "socket.getaddrinfo"):
        _connections.append((event, details))


sys.addaudithook(_count)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A server on this machine that answers nothing, and counts who connects."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.settimeout(0)
        _connections.clear()
        yield listening


def assert_not_asked(server: socket.socket) -> None:
    """Nobody has connected, to this server or to another."""
    assert _connections == []
    with pytest.raises(BlockingIOError):
        server.accept()


COMMANDS: Final = (
    ("run", "--out", "runs"),
    ("run", "--jobs", "2", "--out", "runs"),
    ("rectify",),
    ("check-rectify",),
    ("bench", "chain", "--encoder", "grid"),
)
SOURCES: Final = (
    "hf://datasets/owner/name/folder/",
    "hf://datasets/owner/name/*.tar",
    "hf://datasets/owner/name@main/clip.mp4",
    "s3://bucket/folder/",
    "s3://bucket/part.tar::clip.mp4",
    "http://127.0.0.1:{port}/clip.mp4",
    "https://127.0.0.1:{port}/clip.mp4",
    "rtsp://192.0.2.1:{port}/stream",
)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_source_is_opened(
    command: tuple[str, ...], source: str, server: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to list it nor to open it; the sentence names it."""
    monkeypatch.chdir(tmp_path)
    spec = source.format(port=server.getsockname()[1])
    with pytest.raises(UsageError, match=r"^(--offline forbids the network|.*is a live source)") as caught:
        CliRunner().invoke(cli, [*command, spec, "--offline"], catch_exceptions=False)
    assert spec.partition("::")[0].rstrip("/") in str(caught.value)
    assert_not_asked(server)


@pytest.mark.parametrize("source", SOURCES)
def test_doctor_without_a_clip_opens_no_source(
    source: str, server: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reports the same sentence and exit code as a run."""
    monkeypatch.setattr("stream.doctor.software.find_spec", lambda _: None)  # torch takes seconds to import
    spec = source.format(port=server.getsockname()[1])
    words = ("doctor", spec, "--offline", "--encoder", "grid", "--json", "--out", str(tmp_path))
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 2
    [failed] = [check["message"] for check in json.loads(result.stdout)["checks"] if check["level"] == "FAIL"]
    assert failed.startswith("--offline forbids the network, and ")
    assert_not_asked(server)


def test_a_variable_forbids_it_too(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every command."""
    monkeypatch.setenv("EGOCLEAN_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"^--offline forbids the network"):
        CliRunner().invoke(cli, ["rectify", "s3://bucket/clip.mp4"], catch_exceptions=False)
    assert_not_asked(server)


def test_uncached_tar_is_listed_by_requests(server: socket.socket) -> None:
    """The counts above mean something."""
    spec = f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4"
    server.close()
    with pytest.raises(UnreachableError):
        open_source(spec)
    assert _connections


def test_a_camera_of_this_machine_is_not_the_network() -> None:
    """It is contacted, and nothing listens there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with network(offline=True), pytest.raises(UnreachableError):
        connect(Address(f"rtsp://127.0.0.1:{port}/stream"), 1.0, {})


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://user:word@127.9.9.9/v1", True),
        ("http://localhost.example.com/v1", False),
        ("http://192.168.0.7:8000/v1", False),
        ("https://api.example.com/v1", False),
        ("http://[::1/v1", False),
        ("localhost:8000", False),
    ],
)
def test_an_annotator_of_another_machine_is_refused(url: str, *, is_here: bool) -> None:
    """One of this machine is not; names are not resolved to tell."""
    assert is_on_this_machine(url) == is_here
    options = Options(source="clip.mp4").replace({"annotator.name": "openai", "annotator.url": url})
    if not is_here:
        with network(offline=True), pytest.raises(UsageError, match=r"^--offline forbids the network, and --annotator"):
            settle(options, allow_download=False)


def test_the_network_is_allowed_again_after_the_block() -> None:
    """Also after an error in it."""
    with pytest.raises(KeyError), network(offline=True):
        raise KeyError
    with pytest.raises(UnreachableError):
        open_source("http://127.0.0.1:9/clip.mp4")
