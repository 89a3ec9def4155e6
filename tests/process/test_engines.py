"""The same source gives the same bytes by each engine, and a run that one began is resumed by the other."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from models.annotators.openai.annotator import OpenAIAnnotator
from stream.pipeline.items import Item
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import newest_checkpoint
from stream.records.store.event_log import read_events
from stream.stages.detect import Detect
from tests.support.clips import into_tar, make_clip, remux
from tests.support.compared import differences
from tests.support.data_hub import EGO_100K, clip_bytes, worker_repo
from tests.support.described import QUICK as DESCRIBED
from tests.support.echo_server import MODEL, answering
from tests.support.hub_server import environment
from tests.support.hub_server import serving as serving_hub
from tests.support.inline import run_inline
from tests.support.live_http import serving as serving_clip
from tests.support.resumed import GRID, QUICK, assert_same
from tests.support.runs import DEADLINE_S, manifest, program, run_cli, started, wait_for_event, write_intrinsics

Words = tuple[str | Path, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of six seconds, whole, damaged, in a tar and as a stream, beside their calibration."""
    folder = tmp_path_factory.mktemp("clips")
    write_intrinsics(folder)
    whole = make_clip(folder / "clip.mp4", frames=180, key_every=15, b_frames=2, x265="repeat-headers=1")
    remux(whole, folder / "damaged.mp4", without={40, 41, 100})
    remux(whole, folder / "clip.ts")
    into_tar(folder / "shard.tar", whole)
    return folder


def test_a_file(folder: Path, tmp_path: Path) -> None:
    assert_alike(tmp_path, (folder / "clip.mp4", "--detector-max-segment-s", "4"))


def test_a_damaged_file(folder: Path, tmp_path: Path) -> None:
    assert_alike(tmp_path, (folder / "damaged.mp4",), code=4)


def test_a_member_of_a_tar(folder: Path, tmp_path: Path) -> None:
    assert_alike(tmp_path, (f"{folder / 'shard.tar'}::clip.mp4", "--intrinsics", folder / "intrinsics.json"))


def test_a_clip_on_the_hub(tmp_path: Path) -> None:
    """Each engine with a cache of its own."""
    with serving_hub(worker_repo(EGO_100K, clip_bytes(tmp_path, frames=90))) as hub:
        for engine in ("local", "inline"):
            home = tmp_path / engine
            home.mkdir()
            env = {**environment(hub, home), "XDG_CACHE_HOME": str(home / "cache")}
            subprocess.run(
                program(EGO_100K.clip(2), *GRID, "--engine", engine), env=env, cwd=home, check=True, timeout=DEADLINE_S
            )
    stem = EGO_100K.stem.format(2)
    assert differences(*(RunLayout(tmp_path / engine / "runs" / stem, stem) for engine in ("local", "inline"))) == []


@pytest.mark.parametrize("way", ["ranges", "length", "chunked"])
def test_a_source_over_http(folder: Path, tmp_path: Path, way: str) -> None:
    """A file in parts, a download without them, and a stream."""
    with serving_clip((folder / "clip.ts").read_bytes(), way) as served:  # type: ignore[arg-type]  # one of its ways
        patience = ("--max-lag-s", "600") if way == "chunked" else ()  # a busy machine drops nothing either
        words = (served.url, "--no-rectify", *GRID, *patience, "--out")
        result = run_cli(*words, tmp_path / "local")
        assert (result.returncode, result.stderr) == (0, "")
        run = run_cli if way == "chunked" else run_inline  # a live source is not read by the process that serves it
        assert run(*words, tmp_path / "inline", "--engine", "inline").returncode == 0
        assert_runs_alike(tmp_path)


def test_a_growing_file(folder: Path, tmp_path: Path) -> None:
    assert_alike(tmp_path, ("--follow", folder / "clip.ts", "--read-timeout-s", "0.3"))


def test_standard_input(folder: Path, tmp_path: Path) -> None:
    for engine in ("local", "inline"):
        with (folder / "clip.ts").open("rb") as stdin:
            words = program("-", *GRID, "--no-rectify", "--engine", engine, "--out", tmp_path / engine)
            subprocess.run(words, stdin=stdin, check=True, timeout=DEADLINE_S)
    assert_runs_alike(tmp_path)


def test_with_an_annotator(described_clip: Path, tmp_path: Path) -> None:
    """Every segment is described, by both in the same words."""
    with answering() as url:
        asks = ("--annotator", "openai", "--annotator-url", url, "--annotator-model", MODEL)
        assert_alike(tmp_path, (described_clip, *DESCRIBED, *asks, "--annotator-batch", "1"))
    run_events = list(read_events(tmp_path / "inline" / "clip" / "events.jsonl"))
    assert sum(isinstance(event, events.SegmentAnnotated) for event in run_events) >= 4


def test_a_full_spool_waits_for_the_annotator(described_clip: Path, tmp_path: Path) -> None:
    """The cache holds one segment's keyframes: the chain waits in this process, too, and none is skipped."""
    with answering() as url:
        asks = ("--annotator", "openai", "--annotator-url", url, "--annotator-model", MODEL)
        noisy = ("--keyframe-px", "854", "--keyframe-fps", "10", "--keyframe-cache-mib", "1")
        result = run_inline(described_clip, *DESCRIBED, *asks, *noisy, "--out", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def assert_alike(tmp_path: Path, words: Words, code: int = 0) -> None:
    """Both engines end a run with this exit code, and leave the same bytes."""
    for run, engine in ((run_cli, "local"), (run_inline, "inline")):
        result = run(*words, *GRID, "--out", tmp_path / engine)
        assert (result.returncode, result.stderr) == (code, "")
    assert_runs_alike(tmp_path)


def assert_runs_alike(tmp_path: Path) -> None:
    """The same bytes in both run directories, and in their ``run.json`` the same but for times and identities."""
    local, inline = (RunLayout(run_dir, run_dir.name) for run_dir in sorted(tmp_path.glob("*/*"), reverse=True))
    assert (local.root.parent.name, inline.root.parent.name) == ("local", "inline")
    assert differences(inline, local) == []
    ours, others = manifest(inline.root), manifest(local.root)
    for same in ("source", "intrinsics", "encoder", "windows", "rectification", "decoder", "schemas", "state"):
        assert ours[same] == others[same]
    assert list(ours["usage"]["processes"]) == ["inline"]
    assert json.loads(inline.health.read_text())["state"] == json.loads(local.health.read_text())["state"] == "finished"


def test_no_process_and_no_socket(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one child, and no folder of sockets. Orphans of earlier tests may have become this process's own."""
    children = psutil.Process().children()
    monkeypatch.setattr(subprocess, "Popen", _refuse)
    monkeypatch.setattr("zmq.Context", _refuse)
    assert run_inline(folder / "clip.mp4", *GRID, "--out", tmp_path).returncode == 0
    assert psutil.Process().children() == children


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("the inline engine needs neither a process nor a socket")


@pytest.mark.parametrize(
    ("first", "number", "second"),
    [
        ("inline", signal.SIGTERM, "local"),
        ("local", signal.SIGKILL, "inline"),
        ("inline", signal.SIGKILL, "inline"),
    ],
)
def test_one_engine_resumes_what_another_began(
    worker_clip: Path, uninterrupted: Path, tmp_path: Path, first: str, number: int, second: str
) -> None:
    """After a signal that drains, and after a kill, the run ends as if nothing had been, by whichever engine."""
    words = (worker_clip, *GRID, *QUICK, "--out", tmp_path, "--queue-mib", "1")
    with started(*words, "--engine", first) as process:
        wait_for_event(tmp_path / "clip", lambda event: isinstance(event, events.Checkpoint), process)
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == (143 if number == signal.SIGTERM else -9)
    result = run_inline(*words) if second == "inline" else run_cli(*words)
    assert (result.returncode, result.stderr) == (0, "")
    assert manifest(tmp_path / "clip")["usage"]["attempts"] == 2
    assert_same(tmp_path / "clip", uninterrupted)


def test_a_fault_of_a_stage_is_met_again_from_the_last_state(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that fails once is built again from the last barrier; what it met is recorded."""
    whole, faults = Detect.on_item, [OSError(5, "input/output error")]

    def fails_once(stage: Detect, item: Item) -> Iterator[Item]:
        if getattr(item, "index", 0) == 3 and faults:
            raise faults.pop()
        return whole(stage, item)

    assert run_inline(folder / "clip.mp4", *GRID, "--out", tmp_path / "whole").returncode == 0
    monkeypatch.setattr(Detect, "on_item", fails_once)
    assert run_inline(folder / "clip.mp4", *GRID, "--out", tmp_path / "once").returncode == 0
    runs = [RunLayout(tmp_path / name / "clip", "clip") for name in ("whole", "once")]
    assert differences(*runs) == []
    (restart,) = (event for event in read_events(runs[1].events) if isinstance(event, events.StageRestarted))
    assert (restart.process, "input/output error" in restart.reason) == ("inline", True)
    assert newest_checkpoint(runs[1]) is None


@pytest.mark.parametrize("deaths", [1, 9])
def test_an_annotator_that_fails_is_built_again_alone(
    described_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    """As often as ``--max-restarts`` allows; then the chain ends without it, and what is open has failed."""
    whole, left = OpenAIAnnotator.annotate, [deaths]

    class AcceleratorError(RuntimeError):
        """As torch's, after which a process can do nothing on its GPU any longer."""

    def dies(annotator: OpenAIAnnotator, requests: object) -> object:
        if left[0]:
            left[0] -= 1
            raise AcceleratorError("device lost")
        return whole(annotator, requests)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(OpenAIAnnotator, "annotate", dies)
    with answering() as url:
        asks = ("--annotator", "openai", "--annotator-url", url, "--annotator-model", MODEL)
        result = run_inline(described_clip, *DESCRIBED, *asks, "--max-restarts", "2", "--out", tmp_path)
    run_events = list(read_events(tmp_path / "clip" / "events.jsonl"))
    restarts = [event.process for event in run_events if isinstance(event, events.StageRestarted)]
    assert restarts == ["annotate"] * min(deaths, 2)
    outcomes = [event for event in run_events if isinstance(event, events.SegmentAnnotated | events.SegmentFailed)]
    assert len(outcomes) == sum(isinstance(event, events.SegmentClosed) for event in run_events)
    if deaths == 1:
        assert result.returncode == 0
        assert all(isinstance(event, events.SegmentAnnotated) for event in outcomes)
    else:
        assert result.returncode == 4
        assert any(isinstance(event, events.SegmentFailed) for event in outcomes)
