"""Runs with an annotator behind a real server, in this process."""

from pathlib import Path

import pytest

from stream.records.schema import events
from tests.support.described import assert_described_alike, told, words
from tests.support.echo_server import MODEL
from tests.support.inline import run_inline
from tests.support.openai_server import serving
from tests.support.runs import manifest


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's key is not used."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture(scope="module")
def undisturbed(described_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a run that nothing befell."""
    out = tmp_path_factory.mktemp("whole")
    with serving() as server:
        result = run_inline(*words(described_clip, out, server))
    assert (result.returncode, result.stderr) == (0, "")
    return out / "clip"


def test_clip_is_described_while_it_plays(undisturbed: Path) -> None:
    """Every segment is annotated, in its event and in the file; run.json names the annotator; no keyframe is left."""
    assert_described_alike(undisturbed, undisturbed)
    annotated = [event for event in told(undisturbed) if isinstance(event, events.SegmentAnnotated)]
    assert len(annotated) >= 4
    assert {event.subtasks for event in annotated} == {("tightens a screw",)}
    assert {event.annotator for event in annotated} == {f"openai {MODEL}"}
    last = told(undisturbed)[-1]
    assert isinstance(last, events.RunFinished)
    assert last.annotation.tokens_in == 1234 * len(annotated)
    facts = manifest(undisturbed)["annotator"]
    assert facts["model"] == MODEL
    assert facts["answers_refused"] == 0
    assert len(facts["prompt_sha256"]) == 64


def test_server_that_wants_a_key_ends_the_run(described_clip: Path, tmp_path: Path) -> None:
    """A server that wants a key ends the run with 5, and a sentence that says where the key goes."""
    with serving() as server:
        server.key = "sk-secret"
        result = run_inline(*words(described_clip, tmp_path, server))
        assert result.returncode == 5
        assert "OPENAI_API_KEY" in result.stderr
        last = told(tmp_path / "clip")[-1]
        assert isinstance(last, events.RunFailed)
        assert last.exit_code == 5
