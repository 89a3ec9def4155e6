"""Runs of the real program with an annotator behind a real server: described, held up, killed, stopped, resumed."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.bench.answers import MODEL
from stream.config import Options
from stream.errors import EgocleanError, ModelMissingError, UsageError
from stream.prepare import prepare
from stream.records import events
from stream.records.log import read_events
from tests.clips import make_clip, texture
from tests.openai_server import Reply, Server, serving
from tests.runs import DEADLINE_S, manifest, run_cli, started, wait_for_event, worker_named, workers, write_intrinsics

QUICK = ("--encoder", "grid", "--max-segment-s", "5", "--keyframe-px", "64", "--annotator-latency-s", "0")
"""A segment every few seconds, each asked about at once."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-one seconds of a moving texture, and their calibration."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    usual = texture(64, 128, 96)
    return make_clip(folder / "clip.mp4", pictures=[usual[number % 64] for number in range(630)], key_every=60)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that answers everything well, unless told otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def words(clip: Path, out: Path, server: Server, *more: str) -> tuple[str | Path, ...]:
    """The command line of a run that this server annotates."""
    asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
    return (clip, *QUICK, *asks, "--out", out, *more)


def told(run_dir: Path) -> list[events.Event]:
    """All events of a run."""
    return list(read_events(run_dir / "events.jsonl"))


def actions(run_dir: Path) -> list[dict[str, Any]]:
    """What is described."""
    described: list[dict[str, Any]] = json.loads((run_dir / f"{run_dir.name}_annotations.json").read_text())
    return described


def spans(run_dir: Path) -> list[tuple[float, float]]:
    """When something is described."""
    return [(action["t_start_s"], action["t_end_s"]) for action in actions(run_dir)]


@pytest.fixture(scope="module")
def undisturbed(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a run that nothing befell."""
    out = tmp_path_factory.mktemp("whole")
    with serving() as server:
        result = run_cli(*words(clip, out, server))
    assert (result.returncode, result.stderr) == (0, "")
    return out / "clip"


def assert_described_alike(run_dir: Path, undisturbed: Path) -> None:
    """The same actions as in the undisturbed run, each segment settled exactly once, books closed, spool empty."""
    assert actions(run_dir) == actions(undisturbed)
    settled = [event.segment_id for event in told(run_dir) if isinstance(event, events.SegmentAnnotated)]
    assert sorted(settled) == [event.segment_id for event in told(run_dir) if isinstance(event, events.SegmentClosed)]
    last = told(run_dir)[-1]
    assert isinstance(last, events.RunFinished)
    assert (round(last.annotated_s, 6), round(last.decoded_s, 6), last.exit_code) == (21.0, 21.0, 0)
    assert not list((run_dir / "keyframes").iterdir())


def test_clip_is_described_while_it_plays(undisturbed: Path) -> None:
    """Every segment is annotated, with its words in event and file; run.json says by whom; keyframes have gone."""
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
    assert set(manifest(undisturbed)["usage"]["processes"]) == {"ingest", "encode", "detect", "record", "annotate"}


def test_tiny_spool_never_deadlocks(clip: Path, undisturbed: Path, server: Server, tmp_path: Path) -> None:
    """With room for few segments' keyframes the chain waits for the annotator, again and again, and loses none."""
    frames = ("--keyframe-fps", "15", "--keyframe-px", "128", "--spool-mib", "1")
    assert run_cli(*words(clip, tmp_path, server, *frames, "--queue-mib", "1")).returncode == 0
    spans = [
        [(each["t_start_s"], each["t_end_s"]) for each in actions(run)] for run in (tmp_path / "clip", undisturbed)
    ]
    assert spans[0] == spans[1]
    assert not [event for event in told(tmp_path / "clip") if isinstance(event, events.SegmentSkipped)]


def is_annotated(event: events.Event) -> bool:
    """Whether a segment has been described."""
    return isinstance(event, events.SegmentAnnotated)


def hang_after(server: Server, answers: int) -> None:
    """The server answers so many requests; the next ones hang until it is released."""
    server.replies[:] = [Reply()] * answers + [Reply(hangs=True)] * 50


def release(server: Server) -> None:
    """All is well from now on."""
    server.replies.clear()
    server.released.set()


def test_killed_annotator_catches_up(clip: Path, undisturbed: Path, server: Server, tmp_path: Path) -> None:
    """When the annotate process is killed while it waits for answers the chain is started again and loses none."""
    hang_after(server, 2)
    run_dir = tmp_path / "clip"
    with started(*words(clip, tmp_path, server)) as process:
        wait_for_event(run_dir, is_annotated, process)
        worker_named(process, run_dir, "annotate").kill()
        release(server)
        assert process.wait(DEADLINE_S) == 0
    restarts = [event.process for event in told(run_dir) if isinstance(event, events.StageRestarted)]
    assert restarts == ["annotate"]
    assert_described_alike(run_dir, undisturbed)


def stop(process: subprocess.Popen[str]) -> int:
    """SIGTERM: the model is not waited for."""
    process.terminate()
    return 143


def kill(process: subprocess.Popen[str]) -> int:
    """The supervisor and all its processes at once."""
    for worker in workers(process):
        worker.kill()
    process.kill()
    return -signal.SIGKILL


def is_last(event: events.Event) -> bool:
    """Whether the clip has been decoded to its end."""
    return isinstance(event, events.SegmentClosed) and event.closed_by == "end_of_stream"


@pytest.mark.parametrize(("end", "moment"), [(stop, is_last), (kill, is_annotated)])
def test_ended_run_goes_on(
    clip: Path,
    undisturbed: Path,
    server: Server,
    tmp_path: Path,
    end: Callable[[subprocess.Popen[str]], int],
    moment: Callable[[events.Event], bool],
) -> None:
    """A run that ends while the server hangs waits for no answer, and the same command asks for what is missing."""
    hang_after(server, 3)
    run_dir = tmp_path / "clip"
    with started(*words(clip, tmp_path, server)) as process:
        wait_for_event(run_dir, moment, process)
        code = end(process)
        assert process.wait(DEADLINE_S) == code
    before = [event for event in told(run_dir) if is_annotated(event)]
    release(server)
    server.asked.clear()
    assert run_cli(*words(clip, tmp_path, server)).returncode == 0
    assert_described_alike(run_dir, undisturbed)
    assert len(server.asked) <= len(actions(run_dir)) - len(before)


def test_server_that_lets_nobody_in_ends_the_run(clip: Path, tmp_path: Path) -> None:
    """A server that wants a key ends the run with 5, and a sentence that says where the key belongs."""
    with serving() as server:
        server.key = "sk-secret"
        result = run_cli(*words(clip, tmp_path, server))
        assert result.returncode == 5
        assert "OPENAI_API_KEY" in result.stderr
        last = told(tmp_path / "clip")[-1]
        assert isinstance(last, events.RunFailed)
        assert last.exit_code == 5


@pytest.mark.parametrize(
    ("given", "error", "help_"),
    [
        ({"annotator": "openai"}, UsageError, "address"),
        ({"annotator": "qwen", "annotator_model": "nowhere/at-all", "offline": True}, ModelMissingError, "none"),
        ({"annotator": "qwen", "task": "two\nlines"}, UsageError, "one line"),
    ],
)
def test_choice_is_settled_before_the_run(
    clip: Path, given: dict[str, object], error: type[EgocleanError], help_: str
) -> None:
    """An annotator that cannot work is found before anything is decoded or written, with what helps."""
    options = Options.model_validate({"source": str(clip), "encoder": "grid", **given})
    with pytest.raises(error, match=help_):
        prepare(options)
