"""``annotate RUN``: what a finished run has left undescribed is described later, and nothing is decoded again."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from models.annotators.annotator import AnnotationResponse
from stream.config import OPTIONS
from stream.errors import ModelUnavailableError, UsageError
from stream.evaluation.runs import read_run
from stream.records.follower import follow
from stream.records.reading import layout_of
from stream.records.schema import events
from stream.records.schema.annotations import read_annotations
from stream.records.schema.health import Health, now, read_health
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import read_manifest
from stream.records.schema.options import by_path, nest
from stream.records.store.event_log import EventLog, finish_of
from stream.run.annotate import annotate_run
from tests.support.annotate_later import ALL, SEGMENTS, annotate, asks, described, finished_run, plain_view, run_without
from tests.support.annotated import SECONDS, events_of, of_kind
from tests.support.echo_server import MODEL
from tests.support.facts import without
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to
from tests.support.inline import run_here
from tests.support.openai_server import OpenAIServer, ScriptedReply, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers everything well, unless scripted otherwise."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as server:
        yield server


def test_run_without_annotator_is_described_later(tmp_path: Path, server: OpenAIServer) -> None:
    """Skipped segments are described from the keyframe cache, the accounting is updated, run.json names the model."""
    layout = run_without(tmp_path)
    before = finish_of(layout.events)
    view, paper = plain_view()
    with patch.object(view, "status", autospec=True) as status:
        assert annotate_run(layout, asks(server), view) == 0
    shown = [call.args[0] for call in status.call_args_list]
    assert (shown[0], shown[-1]) == ("describing 6 segments", "6 of 6 segments done")
    last = events_of(layout)[-1]
    assert isinstance(last, events.RunFinished)
    assert before is not None
    changed = {"seq", "time", "annotated_s", "skipped_s", "annotation"}
    assert without(last, *changed) == without(before, *changed)
    assert (before.skipped_s, last.annotated_s, last.skipped_s) == (30.0, 30.0, 0.0)
    assert last.annotation.tokens_in == 1234 * SEGMENTS
    assert described(layout) == ALL
    assert [event.seq for event in events_of(layout)] == list(range(len(events_of(layout))))
    assert paper.getvalue().count("tightens a screw (screwdriver)") == SEGMENTS
    (later,) = read_manifest(layout.manifest).annotated_later
    assert later.annotator["model"] == MODEL
    assert not list(layout.keyframes.iterdir())


def test_failed_segments_are_requested_again(tmp_path: Path, server: OpenAIServer) -> None:
    """Only what failed is taken up, also by another model; what was described keeps its words; 4 becomes 0."""

    def fails(batch: Batch) -> list[AnnotationResponse]:
        return [answer_to(each, "nonsense" if each.segment_id in ALL[1:3] else None) for each in batch]

    layout = finished_run(tmp_path, FakeAnnotator(fails))
    Health(time=now().isoformat(), state="finished", decoded_s=1, windows=1, exit_code=4).write(layout.health)
    before = {action.segment_id: action for action in read_annotations(layout.annotations) if action.active}
    server.replies[:] = [ScriptedReply(words="nonsense, again")]
    assert annotate(layout, asks(server, {"annotator.batch": 1})) == 4
    assert annotate(layout, asks(server)) == 0
    assert len(server.requests) == 3
    after = {action.segment_id: action for action in read_annotations(layout.annotations) if action.active}
    assert sorted(after) == ALL
    same = {"action_id"}
    for segment_id, action in before.items():
        assert after[segment_id].model_dump(exclude=same) == action.model_dump(exclude=same)
    assert read_manifest(layout.manifest).exit_code == read_health(layout.health).exit_code == 0


@pytest.mark.parametrize("content", ["what", "", '{"v": 1'])
def test_a_damaged_heartbeat_does_not_matter(tmp_path: Path, server: OpenAIServer, content: str) -> None:
    """The segments are described, and the file is left as it is."""
    layout = run_without(tmp_path)
    layout.health.write_text(content)
    assert annotate(layout, asks(server)) == 0
    assert (described(layout), layout.health.read_text()) == (ALL, content)


def test_nothing_left_to_describe_is_reported(tmp_path: Path, server: OpenAIServer) -> None:
    """A run that is described in full is left as it is, to the byte."""
    layout = finished_run(tmp_path, FakeAnnotator())
    before = layout.events.read_bytes()
    view, paper = plain_view()
    assert annotate_run(layout, asks(server), view) == 0
    assert "nothing to do" in paper.getvalue()
    assert (layout.events.read_bytes(), server.requests) == (before, [])


def test_segment_without_its_keyframes_fails(tmp_path: Path, server: OpenAIServer) -> None:
    """A segment whose keyframes have left the keyframe cache fails with that reason, and the others are described."""
    layout = run_without(tmp_path)
    next(iter(sorted(layout.keyframes.iterdir()))).unlink()
    assert annotate(layout, asks(server)) == 4
    (failed,) = of_kind(layout, events.SegmentFailed)
    assert (failed.segment_id, failed.reason) == (
        "s0000",
        f"of its {SECONDS} keyframes {SECONDS - 1} are in the keyframe cache",
    )
    assert described(layout) == ALL[1:]


def test_choice_holds_as_in_a_run(tmp_path: Path, server: OpenAIServer) -> None:
    """With ``anomalous`` the typical segments stay skipped, with the new reason; ``all`` takes them up after that."""
    layout = run_without(tmp_path)
    annotate(layout, asks(server, {"annotator.segments": "anomalous"}))
    assert described(layout) == ["s0002", "s0005"]
    events_before = len(events_of(layout))
    annotate(layout, asks(server, {"annotator.segments": "anomalous"}))
    assert len(events_of(layout)) == events_before
    annotate(layout, asks(server, {"annotator.segments": "all"}))
    assert described(layout) == ALL


def test_novel_segments_are_selected_again(tmp_path: Path, server: OpenAIServer) -> None:
    """Where nobody could describe any of those that are alike, the first of them is asked about, and stands for all."""

    def fails(batch: Batch) -> list[AnnotationResponse]:
        return [answer_to(each, "nonsense") for each in batch]

    layout = finished_run(tmp_path, FakeAnnotator(fails), {"annotator.segments": "novel"})
    assert described(layout) == []
    assert annotate(layout, asks(server, {"annotator.batch": 1})) == 0
    assert described(layout) == ["s0000", "s0002", "s0005"]
    assert {event.same_as for event in of_kind(layout, events.SegmentSkipped)} <= set(described(layout))


def test_renamed_run_keeps_its_files_names(tmp_path: Path, server: OpenAIServer) -> None:
    """A run directory that was copied or renamed is described in the files that lie there."""
    layout = run_without(tmp_path)
    moved = layout_of(layout.root.rename(tmp_path / "another"))
    assert (moved.root.name, moved.stem) == ("another", "clip")
    result = run_here("annotate", moved.root, *words_of(asks(server)))
    assert (result.returncode, result.stderr) == (0, "")
    assert described(moved) == ALL
    assert not list(moved.root.glob("another*"))


def words_of(values: Mapping[str, Any]) -> list[str]:
    """Options as words of a command line."""
    pairs = ((each.flag, by_path(values, path)) for path, each in OPTIONS.items())
    return [word for flag, value in pairs if value is not None for word in (flag, str(value))]


@pytest.mark.parametrize("stem", ["../../clip", "a/b", ""])
def test_stem_that_is_not_a_file_name_is_ignored(tmp_path: Path, stem: str) -> None:
    """Whatever a log says, nothing is written beside the run directory."""
    with EventLog(tmp_path / "events.jsonl") as log:
        log.append(events.RunStarted(run_id="r", source="x", stem=stem, encoder="grid", annotator="none"))
    assert layout_of(tmp_path).stem == tmp_path.name


def test_another_annotator_has_its_own_model(tmp_path: Path, server: OpenAIServer) -> None:
    """A run's model, address and quantization are not passed on to another annotator."""
    layout = finished_run(
        tmp_path, FakeAnnotator(lambda _: []), {"annotator.name": "qwen", "annotator.model": "some/qwen"}
    )
    with pytest.raises(UsageError, match="needs --annotator-model, the name by which the server calls its model"):
        annotate(layout, nest({"annotator.name": "openai", "annotator.url": server.url}))
    assert annotate(layout, asks(server)) == 0


def test_ended_early_it_can_be_called_again(tmp_path: Path, server: OpenAIServer) -> None:
    """If the server refuses access, the accounting is written as it is, and the next call describes the rest."""
    layout = run_without(tmp_path)
    server.replies[:] = [ScriptedReply(), ScriptedReply(), ScriptedReply(401, "{}")]
    with pytest.raises(ModelUnavailableError):
        annotate(layout, asks(server, {"annotator.batch": 1}))
    last = events_of(layout)[-1]
    assert isinstance(last, events.RunFinished)
    assert (last.annotated_s, last.skipped_s) == (10.0, 20.0)
    assert annotate(layout, asks(server)) == 0
    assert described(layout) == ALL
    assert len(server.requests) == SEGMENTS + 1


def test_call_killed_before_the_accounting_was_written_is_completed(tmp_path: Path, server: OpenAIServer) -> None:
    """A call that was killed after its last description is completed by the next one, which asks nothing."""
    layout = run_without(tmp_path)
    annotate(layout, asks(server))
    lines = layout.events.read_bytes().splitlines(keepends=True)
    layout.events.write_bytes(b"".join(lines[:-1]))
    server.requests.clear()
    assert annotate(layout, asks(server)) == 0
    finish = finish_of(layout.events)
    assert finish is not None
    assert (finish.annotated_s, server.requests) == (30.0, [])


def test_readers_use_the_last_outcome(tmp_path: Path, server: OpenAIServer) -> None:
    """``tail`` gives all events and ends, ``eval`` reads the run, and the run's own command has nothing to do."""
    layout = run_without(tmp_path)
    annotate(layout, asks(server))

    def never() -> None:
        raise AssertionError

    followed = [event for event, _ in follow(layout.events, 0, never)]
    assert followed == events_of(layout)
    (track,) = read_run(layout.root)
    assert (track.duration_s, len(track.rows)) == (30.0, SEGMENTS)


@pytest.mark.parametrize("lacks", ["run", "end", "annotator"])
def test_what_cannot_be_annotated_is_refused(tmp_path: Path, lacks: str) -> None:
    """No run, a run without an end, and no annotator: each is a usage error, and nothing is written."""
    layout = run_without(tmp_path)
    match lacks:
        case "run":
            layout = RunLayout(tmp_path / "nothing", "nothing")
        case "end":
            layout.events.write_bytes(b"".join(layout.events.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(UsageError, match="--annotator" if lacks == "annotator" else "no finished run"):
        annotate(layout, {})
    assert layout.root.exists() == (lacks != "run")


def test_command_line(tmp_path: Path, server: OpenAIServer) -> None:
    """The program takes a run directory and the annotator's options; those not given are the run's own."""
    layout = run_without(tmp_path, {"machine.price_per_hour": 36.0, "annotator.url": server.url})
    result = run_here("annotate", layout.root, "--annotator", "openai", "--annotator-model", MODEL)
    assert (result.returncode, result.stderr) == (0, "")
    assert "s0003  tightens a screw (screwdriver)" in result.stdout
    assert "0:00:30.0 annotated" in result.stdout
    annotated = of_kind(layout, events.SegmentAnnotated)
    assert all(event.dollars == pytest.approx(event.seconds * 0.01, abs=1e-6) for event in annotated)
    assert json.loads(layout.manifest.read_text())["options"]["annotator"]["name"] == "none"


def printed(layout: RunLayout, *words: str) -> str:
    """The options that the command would use."""
    result = run_here("annotate", str(layout.root), *words, "--show-config")
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_options_shown_are_those_of_the_run(tmp_path: Path) -> None:
    """Not the defaults; what is given wins, and the model of another annotator does not apply."""
    recorded = {"annotator.name": "openai", "annotator.url": "http://h/v1", "annotator.model": MODEL}
    layout = finished_run(tmp_path, FakeAnnotator(), {**recorded, "annotator.frames": 7, "machine.price_per_hour": 3.5})
    options = tomllib.loads(printed(layout, "--annotator-batch", "2"))
    assert options["annotator"].items() >= {"name": "openai", "model": MODEL, "frames": 7, "batch": 2}.items()
    assert options["machine"] == {"price_per_hour": 3.5}
    assert "frames = 7  # the run's" in printed(layout)
    other = tomllib.loads(printed(layout, "--annotator", "qwen"))["annotator"]
    assert (other["name"], other["frames"]) == ("qwen", 7)
    assert not {"model", "url"} & other.keys()


@pytest.mark.parametrize("words", [(), ("--annotator-batch", "2"), ("--annotator", "qwen")])
def test_what_is_shown_is_a_file_of_options_that_means_the_same(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Also for a run that had an annotator, which the file names again."""
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.url": "http://h/v1", "annotator.model": MODEL})
    file = tmp_path / "annotate.toml"
    file.write_text(printed(layout, *words))
    again = printed(layout, "--config", str(file))
    assert tomllib.loads(again) == tomllib.loads(file.read_text())
