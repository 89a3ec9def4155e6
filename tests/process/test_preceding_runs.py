"""Runs of the program whose segments were cut: the same requests live, after kill -9, and by ``annotate`` later."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.records.schema import events
from tests.support.described import QUICK, events_of, hang_after, is_annotated, release, words
from tests.support.echo_server import MODEL, echo_in
from tests.support.inline import run_here, run_inline
from tests.support.openai_server import OpenAIServer, serving
from tests.support.runs import DEADLINE_S, started, wait_for_event

EACH_ALONE = ("--annotator-batch", "1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers everything well, unless scripted otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def live(described_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The requests of a run that nothing befell, by their echoes."""
    with serving() as server:
        assert run_inline(*words(described_clip, tmp_path_factory.mktemp("live"), server)).returncode == 0
        return requests_of(server)


def requests_of(server: OpenAIServer) -> dict[str, Any]:
    """The last request for each segment, by its echo."""
    return {echo_in(body): body["messages"] for body in server.requests}


def preceding(messages: Any) -> int:  # noqa: ANN401  (of a request)
    """The number of pictures from before the segment."""
    return sum(part["type"] == "text" and part["text"].endswith("s before") for part in messages[0]["content"])


def shown(run_dir: Path) -> list[int]:
    """The recorded number of preceding frames of each segment, in order of time."""
    described = [event for event in events_of(run_dir) if isinstance(event, events.SegmentAnnotated)]
    return [event.preceding_frames for event in sorted(described, key=lambda event: event.segment_id)]


def test_every_segment_after_a_cut_is_shown_what_was_before(live: dict[str, Any]) -> None:
    """The clip is cut every 5 s: all segments but the first one."""
    assert sorted(map(preceding, live.values())) == [0, 3, 3, 3, 3]


def test_a_killed_run_shows_the_same(
    described_clip: Path, server: OpenAIServer, live: dict[str, Any], tmp_path: Path
) -> None:
    """What the next segment needs is on the disk while the one before it is described already."""
    hang_after(server, 2)
    command = words(described_clip, tmp_path, server, *EACH_ALONE)
    with started(*command) as process:
        wait_for_event(tmp_path / "clip", is_annotated, process)
        process.kill()
        process.wait(DEADLINE_S)
    release(server)
    assert run_inline(*command).returncode == 0
    assert requests_of(server) == live
    assert shown(tmp_path / "clip") == [0, 3, 3, 3, 3]
    assert not list((tmp_path / "clip" / "keyframes").iterdir())


@pytest.mark.parametrize("keyframes_are_there", [True, False])
def test_annotate_shows_the_same_later(
    described_clip: Path, server: OpenAIServer, live: dict[str, Any], tmp_path: Path, *, keyframes_are_there: bool
) -> None:
    """Also where all keyframes are made again from the clip."""
    assert run_inline(described_clip, *QUICK, "--out", tmp_path).returncode == 0
    run_dir = tmp_path / "clip"
    if not keyframes_are_there:
        for path in (run_dir / "keyframes").iterdir():
            path.unlink()
    asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
    result = run_here("annotate", run_dir, *asks, *EACH_ALONE)
    assert result.returncode == 0, result.stderr
    assert requests_of(server) == live
    assert shown(run_dir) == [0, 3, 3, 3, 3]
    assert not list((run_dir / "keyframes").iterdir())
