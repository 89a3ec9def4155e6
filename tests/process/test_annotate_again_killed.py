"""``annotate --again`` that is killed is continued by the same command, with the bytes of an undisturbed one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.records import open_run
from stream.records.schema import events
from tests.support.described import events_of, hang_after, release
from tests.support.echo_server import MODEL
from tests.support.inline import run_here
from tests.support.openai_server import OpenAIServer, serving
from tests.support.runs import DEADLINE_S, started, wait_for_event

NAME = f"{MODEL.rpartition('/')[2]}-2"
"""Of the same model's second annotation."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers everything well, unless scripted otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def words(run_dir: Path, server: OpenAIServer) -> tuple[str | Path, ...]:
    """The command line that describes a run again, with another task; its keyframes are made again from the clip."""
    asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
    return ("annotate", run_dir, *asks, "--again", "--task", "assembling a lamp", "--annotator-batch", "1")


def files_of(run_dir: Path) -> dict[str, bytes]:
    """The words of all annotations, by file."""
    paths = [*(run_dir / "annotations").glob("*.json"), run_dir / "clip_annotations.json"]
    return {path.name: path.read_bytes() for path in paths}


def is_again(event: events.Event) -> bool:
    """Whether a segment has been described in the new annotation."""
    return isinstance(event, events.SegmentAnnotated) and event.annotation_name == NAME


def test_killed_in_the_middle(undisturbed: Path, server: OpenAIServer, tmp_path: Path) -> None:
    """Until it is complete the first one stays the default; then each segment has one outcome in each annotation."""
    whole, torn = (shutil.copytree(undisturbed, tmp_path / name / "clip") for name in ("whole", "torn"))
    result = run_here(*words(whole, server))
    assert (result.returncode, result.stderr) == (0, "")
    hang_after(server, 2)
    with started(*words(torn, server)) as process:
        wait_for_event(torn, is_again, process)
        process.kill()
        process.wait(DEADLINE_S)
    release(server)
    assert (torn / "clip_annotations.json").read_bytes() == (undisturbed / "clip_annotations.json").read_bytes()
    assert [each.is_default for each in open_run(torn).annotations()] == [True, False]
    result = run_here(*words(torn, server))
    assert (result.returncode, result.stderr) == (0, "")
    assert files_of(torn) == files_of(whole)
    names = sorted(files_of(torn))
    assert names == sorted([f"{MODEL.rpartition('/')[2]}.json", f"{NAME}.json", "clip_annotations.json"])
    described = [event for event in events_of(torn) if isinstance(event, events.SegmentAnnotated)]
    segments = [event.segment_id for event in events_of(torn) if isinstance(event, events.SegmentClosed)]
    for name in ("", NAME):
        assert sorted(event.segment_id for event in described if event.annotation_name == name) == segments
    last = events_of(torn)[-1]
    assert isinstance(last, events.RunFinished)
    assert (last.annotation_name, round(last.annotated_s, 6), round(last.decoded_s, 6)) == (NAME, 21.0, 21.0)
    assert not list((torn / "keyframes").iterdir())
