"""A server that goes, hangs or never comes costs a run what could not be described, and no more."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stream.records.schema import events
from tests.support.described import described_segments, events_of, failures, outcomes, words
from tests.support.inline import run_here, run_inline
from tests.support.openai_server import OpenAIServer, ScriptedReply, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers everything well, unless scripted otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def test_lost_server_fails_only_its_open_requests(described_clip: Path, tmp_path: Path) -> None:
    """If the server goes, the clip is segmented to its end; segments that are left fail, and are described later."""
    run_dir = tmp_path / "clip"
    with ExitStack() as there:
        lost_server = there.enter_context(serving())

        def goes(_echo: str) -> None:
            if len(lost_server.requests) == 2:
                there.close()

        lost_server.strikes = goes
        asks = ("--annotator-batch", "1", "--annotator-wait-s", "0")
        assert run_inline(*words(described_clip, tmp_path, lost_server, *asks)).returncode == 4
    last = events_of(run_dir)[-1]
    assert isinstance(last, events.RunFinished)
    assert round(last.annotated_s + last.failed_s, 6) == 21.0
    assert failures(run_dir)
    assert all("has been unreachable for 0 s" in reason for reason in failures(run_dir).values())
    with serving() as server:
        assert run_here("annotate", run_dir, "--annotator-url", server.url).returncode == 0
    assert sorted(described_segments(run_dir)) == sorted(outcomes(run_dir))


def test_answer_that_does_not_come_costs_one_segment(
    described_clip: Path, server: OpenAIServer, tmp_path: Path
) -> None:
    """After --annotator-request-timeout-s a request that hangs is given up, and the others are described."""
    server.replies[:] = [ScriptedReply(hangs=True)]
    result = run_inline(*words(described_clip, tmp_path, server, "--annotator-request-timeout-s", "5"))
    assert (result.returncode, result.stderr) == (4, "")
    assert list(failures(tmp_path / "clip").values()) == ["the server did not answer in time"]
    assert sum(became == ["annotated"] for became in outcomes(tmp_path / "clip").values()) >= 3
