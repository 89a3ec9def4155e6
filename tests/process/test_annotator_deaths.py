"""What an annotator that dies, or whose server does, costs a run: what nobody can describe, and no more."""

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from threading import Event

import pytest

from stream.errors import ModelUnavailableError
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.video.facts import StreamFacts
from tests.support.annotated import options, recording, segment
from tests.support.described import actions, hang_after, is_annotated, release, told, words
from tests.support.openai_server import Reply, Server, serving
from tests.support.runs import DEADLINE_S, run_cli, started, wait_for_event, worker_named


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that answers everything well, unless told otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def is_restarted(event: events.Event) -> bool:
    """Whether a process was started again."""
    return isinstance(event, events.StageRestarted)


def outcomes(run_dir: Path) -> dict[str, list[str]]:
    """What became of each closed segment: exactly one thing, if all is well."""
    found: dict[str, list[str]] = {
        event.segment_id: [] for event in told(run_dir) if isinstance(event, events.SegmentClosed)
    }
    for event in told(run_dir):
        if isinstance(event, events.Outcome):
            found[event.segment_id].append(event.event.removeprefix("segment."))
    return found


def failures(run_dir: Path) -> dict[str, str]:
    """Why segments failed."""
    return {event.segment_id: event.reason for event in told(run_dir) if isinstance(event, events.SegmentFailed)}


def restarted(run_dir: Path) -> list[str]:
    """Processes that were started again."""
    return [event.process for event in told(run_dir) if isinstance(event, events.StageRestarted)]


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_killed_annotator_is_started_again_alone(
    described_clip: Path, server: Server, tmp_path: Path, source: str
) -> None:
    """No other process ends with it, not even where the source cannot be played again; nothing is lost or doubled."""
    hang_after(server, 2)
    run_dir = tmp_path / ("clip" if source == "file" else "stdin")
    given = words(
        described_clip if source == "file" else "-", tmp_path, server, *(() if source == "file" else ("--no-rectify",))
    )
    with described_clip.open("rb") as piped, started(*given, stdin=piped) as process:
        wait_for_event(run_dir, is_annotated, process)
        record = worker_named(process, run_dir, "record")
        worker_named(process, run_dir, "annotate").kill()
        wait_for_event(run_dir, is_restarted, process)
        assert worker_named(process, run_dir, "record") == record
        release(server)
        assert process.wait(DEADLINE_S) == 0
    assert restarted(run_dir) == ["annotate"]
    assert set(map(tuple, outcomes(run_dir).values())) == {("annotated",)}
    assert sorted(action["segment_id"] for action in actions(run_dir)) == sorted(outcomes(run_dir))


def test_segment_that_kills_the_annotator_fails(described_clip: Path, server: Server, tmp_path: Path) -> None:
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
    assert reason == "the annotator died of it twice: the annotate process was killed by SIGKILL"
    found = outcomes(run_dir)
    assert found.pop(failed) == ["failed"]
    assert set(map(tuple, found.values())) == {("annotated",)}
    assert restarted(run_dir) == ["annotate"] * 2 == ["annotate"] * len(deadly)


def test_chain_goes_on_without_its_annotator(described_clip: Path, server: Server, tmp_path: Path) -> None:
    """One that has died as often as --max-restarts allows is not started again: open and later segments fail."""
    hang_after(server, 1)
    run_dir = tmp_path / "clip"
    with started(*words(described_clip, tmp_path, server, "--max-restarts", "0")) as process:
        wait_for_event(run_dir, is_annotated, process)
        worker_named(process, run_dir, "annotate").kill()
        assert process.wait(DEADLINE_S) == 4
    assert restarted(run_dir) == []
    found = list(outcomes(run_dir).values())
    assert found == [["annotated"], *[["failed"]] * (len(found) - 1)]
    assert {reason.rpartition(", ")[2] for reason in failures(run_dir).values()} == {
        "and has been started again as often as --max-restarts 0 allows"
    }
    release(server)
    again = run_cli("annotate", run_dir)
    assert (again.returncode, again.stderr) == (0, "")
    assert len({action["segment_id"] for action in actions(run_dir)}) == len(found)


def test_server_that_goes_costs_what_it_was_asked(described_clip: Path, tmp_path: Path) -> None:
    """A file whose server was there once is segmented to its end; what nobody described fails, and is asked later."""
    run_dir = tmp_path / "clip"
    with ExitStack() as there:
        gone = there.enter_context(serving())
        hang_after(gone, 1)
        given = words(described_clip, tmp_path, gone, "--annotator-batch", "1", "--annotator-connect-timeout-s", "0")
        with started(*given) as process:
            wait_for_event(run_dir, is_annotated, process)
            there.close()
            assert process.wait(DEADLINE_S) == 4
    last = told(run_dir)[-1]
    assert isinstance(last, events.RunFinished)
    assert round(last.annotated_s + last.failed_s, 6) == 21.0
    assert all("has been unreachable for 0 s" in reason for reason in failures(run_dir).values())
    with serving() as server:
        assert run_cli("annotate", run_dir, "--annotator-url", server.url).returncode == 0
    assert len({action["segment_id"] for action in actions(run_dir)}) == len(outcomes(run_dir))


def test_answer_that_does_not_come_costs_one_segment(described_clip: Path, server: Server, tmp_path: Path) -> None:
    """After --annotator-request-timeout-s a request that hangs is given up, and the others are described."""
    server.replies[:] = [Reply(hangs=True)]
    result = run_cli(*words(described_clip, tmp_path, server, "--annotator-request-timeout-s", "1"))
    assert (result.returncode, result.stderr) == (4, "")
    assert list(failures(tmp_path / "clip").values()) == ["the server gave no answer in time"]
    assert sum(became == ["annotated"] for became in outcomes(tmp_path / "clip").values()) >= 3


def test_live_run_bears_a_server_that_never_comes(tmp_path: Path) -> None:
    """What cannot be played again is not given up for its words."""
    live = StreamFacts("h264", 64, 36, 0, 64, 36, 30.0, "1/90000", "yuv420p", 8, None, None, None)
    for stream, ends in ((None, True), (live, False)):
        layout = RunLayout(tmp_path / str(ends), "clip")
        layout.root.mkdir()
        with recording(layout, options({"resolved.stream": stream})) as record:
            for item in segment(0):
                list(record.on_item(item))
            (order,) = record.on_notify(0.0)
            assert isinstance(order, AnnotationTask)
            with pytest.raises(ModelUnavailableError, match="away") if ends else nullcontext():
                list(record.on_item(AnnotatorUnavailable("it is away")))
