"""Runs that a server annotates which does not take what is sent to it at first, or cannot be asked at all."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import openai_faces as faces
from tests.support.described import described_segments, outcomes, words
from tests.support.inline import run_here, run_inline
from tests.support.openai_server import OpenAIServer, serving
from tests.support.runs import run_cli


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers everything well, unless scripted otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def manifest(run_dir: Path) -> dict[str, Any]:
    """``run.json``."""
    read: dict[str, Any] = json.loads((run_dir / "run.json").read_text())
    return read


def test_run_adapts_once_and_says_so(
    described_clip: Path, server: OpenAIServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All segments are described; each change costs one request, is one warning, and is in run.json."""
    server.refuses = faces.is_hosted_and_strict
    result = run_inline(*words(described_clip, tmp_path, server, "--annotator-batch", "1"))
    assert result.returncode == 0
    run_dir = tmp_path / "clip"
    assert set(map(tuple, outcomes(run_dir).values())) == {("annotated",)}
    changes = manifest(run_dir)["annotator"]["adaptations"].split("; ")
    assert changes == [
        "max_completion_tokens instead of max_tokens",
        "no temperature, so that answers depend on chance",
        "a schema without multipleOf",
        "at most 2 pictures of a segment",
        "no pictures from before a segment",
    ]
    assert [
        message.rpartition("from now on: ")[2] for message in caplog.messages if "from now on" in message
    ] == changes
    assert len(server.requests) == len(outcomes(run_dir)) + len(changes)


def test_jobs_share_what_the_server_refuses(described_clip: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """Two chains, one warning; each run names the change, and hardly a request is lost."""
    server.refuses = lambda body: faces.refusal("temperature is not supported", 400) if "temperature" in body else None
    clips = [shutil.copy(described_clip, tmp_path / f"{name}.mp4") for name in ("one", "two")]
    shutil.copytree(described_clip.parent, tmp_path, dirs_exist_ok=True)
    first, *rest = words(clips[0], tmp_path / "runs", server, "--jobs", "2")
    result = run_cli(first, clips[1], *rest)
    assert result.returncode == 0, result.stderr
    assert (result.stdout + result.stderr).count("from now on: no temperature") == 1
    for name in ("one", "two"):
        assert manifest(tmp_path / "runs" / name)["annotator"]["adaptations"].startswith("no temperature")
    assert sum("temperature" in body for body in server.requests) <= 2


def test_dressed_answers_are_kept_as_they_came(described_clip: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """The raw responses hold the thoughts, too; the actions are those of the answer."""
    server.dresses = faces.DRESSES["thoughts"]
    assert run_inline(*words(described_clip, tmp_path, server)).returncode == 0
    raw = (tmp_path / "clip" / "clip_raw_response.txt").read_text()
    assert raw.count("let me see { }") == len(outcomes(tmp_path / "clip")) == len(described_segments(tmp_path / "clip"))


def test_hopeless_server_fails_no_segment(described_clip: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """The run ends with exit code 5 after one request; its segments stay open, and are described later."""
    server.refuses = lambda _: faces.refusal("Insufficient credits", 402)
    result = run_inline(*words(described_clip, tmp_path, server, "--annotator-batch", "1"))
    assert result.returncode == 5
    assert "wants to be paid first (402)" in result.stderr
    assert len(server.requests) == 1
    assert "failed" not in [kind for kinds in outcomes(tmp_path / "clip").values() for kind in kinds]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("HTTPS_PROXY", "socks4://proxy:1080", "HTTPS_PROXY names a proxy of the kind 'socks4'"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "SSL_CERT_FILE names /nowhere/ca.pem, which cannot be read"),
    ],
)
def test_unusable_environment_ends_a_run_before_it_begins(
    described_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    """Exit code 2, one sentence, and no run directory."""
    monkeypatch.setenv(name, value)
    asks = ("--annotator", "openai", "--annotator-url", "https://api.example.com/v1", "--annotator-model", "m")
    result = run_here(described_clip, "--encoder", "grid", *asks, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert sentence in result.stderr
    assert not (tmp_path / "out").exists()
