"""An annotator that dies costs a run what it could not describe, no more; for its server: test_annotator_failures."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from stream.records.schema import events
from tests.support.described import (
    described_segments,
    events_of,
    failures,
    hang_after,
    is_annotated,
    outcomes,
    release,
    words,
)
from tests.support.inline import run_here
from tests.support.openai_server import OpenAIServer, serving
from tests.support.runs import DEADLINE_S, started, wait_for_event, worker_named


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers everything well, unless scripted otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def is_restarted(event: events.Event) -> bool:
    """Whether a process was started again."""
    return isinstance(event, events.StageRestarted)


def restarted(run_dir: Path) -> list[str]:
    """Processes that were started again."""
    return [event.process for event in events_of(run_dir) if isinstance(event, events.StageRestarted)]


def test_killed_annotator_is_started_again_alone(described_clip: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """No other process ends with it: the source is a pipe, which cannot be played again. Nothing is lost or doubled."""
    hang_after(server, 2)
    run_dir = tmp_path / "stdin"
    with (
        described_clip.open("rb") as piped,
        started(*words("-", tmp_path, server, "--no-rectify"), stdin=piped) as process,
    ):
        wait_for_event(run_dir, is_annotated, process)
        record = worker_named(process, run_dir, "record")
        worker_named(process, run_dir, "annotate").kill()
        wait_for_event(run_dir, is_restarted, process)
        assert worker_named(process, run_dir, "record") == record
        release(server)
        assert process.wait(DEADLINE_S) == 0
    assert restarted(run_dir) == ["annotate"]
    assert set(map(tuple, outcomes(run_dir).values())) == {("annotated",)}
    assert sorted(described_segments(run_dir)) == sorted(outcomes(run_dir))


def test_segment_that_kills_the_annotator_fails(described_clip: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """The one over which it dies twice has failed with that reason; the others are described, and the run ends in 4."""
    run_dir, is_up, deadly = tmp_path / "clip", Event(), list[str]()

    def strikes(echo: str) -> None:
        is_up.wait()
        if echo == (deadly or [echo])[0]:
            deadly.append(echo)
            worker_named(process, run_dir, "annotate").kill()

    server.strikes = strikes
    with started(*words(described_clip, tmp_path, server)) as process:
        is_up.set()
        assert process.wait(DEADLINE_S) == 4
    ((failed, reason),) = failures(run_dir).items()
    assert reason == "the annotator died twice on it: the annotate process was killed by SIGKILL"
    kinds = outcomes(run_dir)
    assert kinds.pop(failed) == ["failed"]
    assert set(map(tuple, kinds.values())) == {("annotated",)}
    assert restarted(run_dir) == ["annotate"] * 2 == ["annotate"] * len(deadly)


def test_chain_continues_without_its_annotator(described_clip: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """One that has died as often as --max-restarts allows is not started again: open and later segments fail."""
    hang_after(server, 1)
    run_dir = tmp_path / "clip"
    with started(*words(described_clip, tmp_path, server, "--max-restarts", "0")) as process:
        wait_for_event(run_dir, is_annotated, process)
        worker_named(process, run_dir, "annotate").kill()
        assert process.wait(DEADLINE_S) == 4
    assert restarted(run_dir) == []
    kinds = list(outcomes(run_dir).values())
    assert kinds == [["annotated"], *[["failed"]] * (len(kinds) - 1)]
    assert {reason.rpartition(", ")[2] for reason in failures(run_dir).values()} == {
        "and has been restarted as often as --max-restarts 0 allows"
    }
    release(server)
    again = run_here("annotate", run_dir)
    assert (again.returncode, again.stderr) == (0, "")
    assert len(described_segments(run_dir)) == len(kinds)
