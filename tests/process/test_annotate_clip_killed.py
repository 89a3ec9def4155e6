"""``annotate --whole-clip`` that is killed is continued by the same command, with the bytes of an undisturbed one."""

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stream.records import open_run
from stream.records.schema import events
from tests.support.described import events_of, hang_after, release
from tests.support.echo_server import MODEL, answer_to, echo_in
from tests.support.inline import run_here
from tests.support.openai_server import OpenAIServer, serving
from tests.support.runs import DEADLINE_S, started, wait_for_event

ROOT = Path(__file__).parents[2]
NAME = f"{MODEL.rpartition('/')[2]}-clip"
PARTS = 3
"""Of a clip of 21 s, with room for 10 pictures in a request; they overlap by 2.5 s."""


@contextmanager
def serving_parts() -> Iterator[OpenAIServer]:
    """A server whose words name the frames that they are for."""
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        patch.delenv("OPENAI_API_KEY", raising=False)
        server.answers = lambda body: answer_to(body, f"work on {echo_in(body)}")
        yield server


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """One for each test."""
    with serving_parts() as server:
        yield server


@dataclass(frozen=True)
class Left:
    """What an annotation of the whole clip has left, but for times of day and how long requests took."""

    files: dict[str, bytes]
    events: list[dict[str, Any]]
    raw: list[dict[str, Any]]


def words(run_dir: Path, server: OpenAIServer) -> tuple[str | Path, ...]:
    """The command line; the run's keyframes are gone, and are made again from the clip."""
    asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
    return ("annotate", run_dir, *asks, "--whole-clip", "--annotator-context", "13500")


def left_of(run_dir: Path) -> Left:
    """What is on disk."""
    paths = [*(run_dir / "annotations").glob("*.json"), run_dir / "clip_annotations.json"]
    raw = (run_dir / "annotations" / f"{NAME}_raw_response.txt").read_text().splitlines()
    own = [event for event in events_of(run_dir) if _is_of_clip(event)]
    return Left(
        {path.name: path.read_bytes() for path in paths},
        [
            {name: getattr(event, name) for name in event.__dataclass_fields__} | _UNTIMED
            for event in own
            if not isinstance(event, events.RunFinished)
        ],
        [json.loads(line) | {"seconds": 0} for line in raw],
    )


_UNTIMED: dict[str, Any] = {"seq": 0, "time": "", "seconds": 0, "dollars": 0, "options": None}


def requested(server: OpenAIServer) -> Counter[str]:
    """How often each part was requested, by the beginning of its frames' digest."""
    return Counter(map(echo_in, server.requests))


def _is_of_clip(event: events.Event) -> bool:
    return getattr(event, "annotation_name", "") == NAME


def nth(kind: type[events.Event], number: int) -> Callable[[events.Event], bool]:
    """Whether an event of the new annotation is the one of this number among those of its kind."""
    seen = count(1)
    return lambda event: isinstance(event, kind) and _is_of_clip(event) and next(seen) == number


@dataclass(frozen=True)
class UndisturbedAnnotation:
    """An annotation that nothing befell: what it has left, and the parts that it requested."""

    left: Left
    parts: Counter[str]


@pytest.fixture(scope="module")
def whole(undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> UndisturbedAnnotation:
    """It has requested each part once."""
    run_dir = shutil.copytree(undisturbed, tmp_path_factory.mktemp("whole") / "clip")
    with serving_parts() as server:
        result = run_here(*words(run_dir, server))
        assert (result.returncode, result.stderr) == (0, "")
        assert sorted(requested(server).values()) == [1] * PARTS
        return UndisturbedAnnotation(left_of(run_dir), requested(server))


@pytest.mark.parametrize(
    ("answered", "kind", "number"),
    [
        (0, events.AnnotationStarted, 1),
        (1, events.PartAnnotated, 1),
        (PARTS - 1, events.PartAnnotated, PARTS - 1),
    ],
    ids=["before the first answer", "between two parts", "before the last part"],
)
def test_killed_once(
    undisturbed: Path,
    whole: UndisturbedAnnotation,
    server: OpenAIServer,
    tmp_path: Path,
    answered: int,
    kind: type[events.Event],
    number: int,
) -> None:
    """No request is lost, and only the one that was under way is made again."""
    torn = shutil.copytree(undisturbed, tmp_path / "clip")
    hang_after(server, answered)
    with started(*words(torn, server)) as process:
        wait_for_event(torn, nth(kind, number), process)
        process.kill()
        process.wait(DEADLINE_S)
    before = requested(server)
    release(server)
    assert_continued(torn, undisturbed, whole, server)
    twice = [echo for echo, times in requested(server).items() if times > 1]
    assert len(twice) == (sum(before.values()) > answered)


def test_killed_after_the_first_outcome(
    undisturbed: Path, whole: UndisturbedAnnotation, server: OpenAIServer, tmp_path: Path
) -> None:
    """All parts are answered: none is requested again."""
    torn = shutil.copytree(undisturbed, tmp_path / "clip")
    command = [sys.executable, "-m", "tests.support.killed_at", "SegmentAnnotated", *words(torn, server)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert_continued(torn, undisturbed, whole, server)
    assert sorted(requested(server).values()) == [1] * PARTS


def assert_continued(torn: Path, undisturbed: Path, whole: UndisturbedAnnotation, server: OpenAIServer) -> None:
    """The same command goes on, and ends as if nothing had been."""
    assert (torn / "clip_annotations.json").read_bytes() == (undisturbed / "clip_annotations.json").read_bytes()
    result = run_here(*words(torn, server))
    assert (result.returncode, result.stderr) == (0, "")
    assert left_of(torn) == whole.left
    assert requested(server).keys() == whole.parts.keys()
    last = events_of(torn)[-1]
    assert isinstance(last, events.RunFinished)
    assert (last.annotation_name, round(last.annotated_s, 6), round(last.decoded_s, 6)) == (NAME, 21.0, 21.0)
    assert open_run(torn, NAME).outcomes().keys() == {each.segment_id for each in open_run(torn).segments()}
    assert not list((torn / "keyframes").iterdir())


def test_killed_again_and_again(
    undisturbed: Path, whole: UndisturbedAnnotation, server: OpenAIServer, tmp_path: Path
) -> None:
    """After every single answer: each call makes one request that counts, and the last one ends as if undisturbed."""
    torn = shutil.copytree(undisturbed, tmp_path / "clip")
    for done in range(1, PARTS + 1):
        hang_after(server, 1)
        with started(*words(torn, server)) as process:
            wait_for_event(torn, nth(events.PartAnnotated, done), process)
            process.kill()
            process.wait(DEADLINE_S)
        release(server)
        server.released.clear()
    result = run_here(*words(torn, server))
    assert (result.returncode, result.stderr) == (0, "")
    assert left_of(torn) == whole.left
    assert max(requested(server).values()) <= 2
