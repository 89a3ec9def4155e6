"""Runs with an annotator behind a real server, in this process."""

import os
import signal
from pathlib import Path
from time import monotonic

import pytest

from stream.records.reading import layout_of
from stream.records.schema import events
from stream.records.schema.health import Health, read_health
from tests.support.described import assert_described_alike, events_of, hang_after, release, words
from tests.support.echo_server import MODEL
from tests.support.inline import run_inline
from tests.support.openai_server import serving
from tests.support.runs import DEADLINE_S, manifest


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's key is not used."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_clip_is_described_while_it_plays(undisturbed: Path) -> None:
    """Every segment is annotated, in its event and in the file; run.json names the annotator; no keyframe is left."""
    assert_described_alike(undisturbed, undisturbed)
    annotated = [event for event in events_of(undisturbed) if isinstance(event, events.SegmentAnnotated)]
    assert len(annotated) >= 4
    assert {event.subtasks for event in annotated} == {("tightens a screw",)}
    assert {event.annotator for event in annotated} == {f"openai {MODEL}"}
    last = events_of(undisturbed)[-1]
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
        last = events_of(tmp_path / "clip")[-1]
        assert isinstance(last, events.RunFailed)
        assert last.exit_code == 5


def test_one_signal_interrupts_a_request(
    described_clip: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One signal during a request that is never answered ends the run after the time for draining; it can be resumed.

    SIGALRM and its timer are then as they were.
    """
    monkeypatch.setattr("stream.runtime.signals.DRAIN_S", 0.05)
    alarm = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0] > 0
    with serving() as server:
        hang_after(server, 1)

        def strike(_: str) -> None:
            if len(server.requests) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        server.strikes = strike
        assert run_inline(*words(described_clip, tmp_path, server)).returncode == 143
        assert not server.released.is_set()
        assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0] > 0) == alarm
        last = events_of(tmp_path / "clip")[-1]
        assert isinstance(last, events.RunFailed)
        assert last.reason == "stopped by SIGTERM"
        server.strikes = lambda _: None
        release(server)
        assert run_inline(*words(described_clip, tmp_path, server)).returncode == 0
    assert_described_alike(tmp_path / "clip", undisturbed)


def test_health_is_written_during_a_request(
    described_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a request is under way the health file is written, and the run counts as running."""
    monkeypatch.setattr("stream.runtime.heartbeat.PULSE_S", 0.01)
    monkeypatch.setattr("stream.monitoring.monitor.BEAT_S", 0.0)
    path = layout_of(tmp_path / "clip").health
    written: list[Health] = []

    def watch(_: str) -> None:
        deadline_s = monotonic() + DEADLINE_S
        while len(written) < 3 and monotonic() < deadline_s:
            health = read_health(path)
            if health not in written:
                written.append(health)

    with serving() as server:
        server.strikes = watch
        assert run_inline(*words(described_clip, tmp_path, server)).returncode == 0
    assert [health.state for health in written] == ["running"] * 3
