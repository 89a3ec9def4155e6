"""A run with two annotations, as its readers show it: the latest one, or the one that is named."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporters.report.run import shown_run
from exporters.run_view import view_run, view_runs
from models.annotators.annotator import AnnotationRequest, AnnotationResponse
from stream.cli import cli
from stream.errors import EgocleanError, InputError
from stream.records.listing import list_run
from stream.records.schema.events import SegmentAnnotated
from stream.records.schema.layout import RunLayout
from tests.support.annotate_later import ALL, again, finished_run, named
from tests.support.annotated import of_kind
from tests.support.cut_segments import CUT_SEGMENTS, cut_clip
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to, words_for

FIRST, SECOND = "first-7b", "second-3b"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> RunLayout:
    """The second one describes the anomalous segments only; both name their segments."""
    kept = {"annotator.url": "http://localhost:1/v1", "annotator.model": FIRST, "keyframes.keep": True}
    layout = finished_run(tmp_path_factory.mktemp("runs"), FakeAnnotator(), kept)
    again(layout, named(SECOND, {"annotator.segments": "anomalous"}), FakeAnnotator(_shouts))
    return layout


def _shouts(batch: Batch) -> list:  # type: ignore[type-arg]  # of answers
    return [answer_to(each, answer_to(each).raw.replace("work on", "WORK ON")) for each in batch]


def printed(*words: object) -> str:
    """What the command prints, in a pipe."""
    result = CliRunner().invoke(cli, list(map(str, words)))
    assert result.exit_code == 0, result.output
    return result.output


def test_show(layout: RunLayout) -> None:
    """The latest by default, with the names of all; a name that is not there is an error."""
    latest = printed("show", layout.root, "--json")
    (run,) = json.loads(latest)["runs"]
    assert (run["annotation"], run["annotations"], run["counts"]["described"]) == (SECOND, [FIRST, SECOND], 2)
    assert ("WORK ON s0002" in latest, "work on s0002" in latest) == (True, False)
    first = json.loads(printed("show", layout.root, "--json", "--annotation", FIRST))
    assert [each["subtasks"] for each in first["segments"]] == [[f"work on {name}"] for name in ALL]
    assert first["runs"][0]["annotation"] == FIRST
    (line,) = (line for line in printed("show", layout.root).splitlines() if "; annotation " in line)
    assert line.endswith(f"2 described; annotation {SECOND} of {FIRST}, {SECOND}")
    with pytest.raises(InputError, match="has no annotation 'third'"):
        list_run(layout.root, "third")


def test_export_and_report(layout: RunLayout) -> None:
    """They see a run through one view: its outcomes, its actions and its log are of one annotation."""
    latest, first = view_run(layout.root), view_run(layout.root, FIRST)
    assert {action.segment_id for action in latest.actions if action.active} == {"s0002", "s0005"}
    assert {action.segment_id for action in first.actions if action.active} == set(ALL)
    assert {event.event for event in first.outcomes.values()} == {"segment.annotated"}
    assert sorted(event.event for event in latest.outcomes.values()).count("segment.skipped") == 4
    failures: list[tuple[str, EgocleanError]] = []
    assert list(view_runs([layout.root.parent], failures, "third")) == []
    assert [str(error).partition(" has ")[2] for _, error in failures] == [
        f"no annotation 'third': it has {FIRST}, {SECOND}"
    ]


def test_report(layout: RunLayout, tmp_path: Path) -> None:
    """The page has the words of one, and names both."""
    for words, there, gone in (((), "WORK ON", "work on"), (("--annotation", FIRST), "work on", "WORK ON")):
        page = tmp_path / "report.html"
        printed("report", layout.root, "--out", page, *words)
        text = page.read_text()
        assert f"{there} s0002" in text
        assert f"{gone} s0002" not in text
        assert FIRST in text
        assert SECOND in text


def test_tail(layout: RunLayout) -> None:
    """A pipe gets the log as it is, or the events of the annotation that is named."""
    events = [json.loads(line) for line in printed("tail", layout.root).splitlines()]
    assert [event["seq"] for event in events] == list(range(len(events)))
    for name, recorded in ((FIRST, None), (SECOND, SECOND)):
        shown = [json.loads(line) for line in printed("tail", layout.root, "--annotation", name).splitlines()]
        of_segments = [each for each in shown if each["event"] in ("segment.annotated", "segment.skipped")]
        assert len(of_segments) == len(ALL)
        assert {each.get("annotation_name") for each in of_segments} == {recorded}
        assert [each["event"] for each in shown].count("run.finished") == 1


def test_annotate_takes_the_command_line(layout: RunLayout) -> None:
    """``--show-config`` prints the options of the annotation that would be continued; with --again those of the run."""
    for words, model, segments in (
        ((), SECOND, "anomalous"),
        (("--annotation", FIRST), FIRST, "all"),
        (("--again", "--task", "lamps"), FIRST, "all"),
    ):
        config = printed("annotate", layout.root, *words, "--show-config")
        assert f'model = "{model}"' in config
        assert f'segments = "{segments}"' in config


def test_an_action_through_several_segments_counts_once(tmp_path: Path) -> None:
    """Its segments were cut from one another, and nothing is done in any: one action, wherever they are counted."""

    def idles(batch: Batch) -> list[AnnotationResponse]:
        return [answer_to(each, _idle(each)) for each in batch]

    layout = finished_run(tmp_path, FakeAnnotator(idles), items=cut_clip())
    assert list_run(layout.root).run.counts.actions == 1
    assert shown_run(view_run(layout.root), "clip").counts.actions == 1
    assert [event.actions for event in of_kind(layout, SegmentAnnotated)] == [1] * CUT_SEGMENTS


def _idle(request: AnnotationRequest) -> str:
    """An answer in which nothing is done."""
    whole = json.loads(words_for(request))
    idle = {**whole["actions"][1], "start_ds": 0}
    return json.dumps({**whole, "actions": [idle]})
