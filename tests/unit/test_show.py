"""The segments of runs as people and programs get them from ``show``."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from stream.cli import cli
from stream.errors import InputError, UsageError
from stream.records.counts import RunCounts
from stream.records.listing import ListedRun, ListedSegment, list_run
from stream.ui.segment_table import ColoredTable
from tests.support.report_runs import ReportRun, make_report_run

TOTALS = (
    "3 clips: 1 finished, 1 running, 1 stopped; 0:03:00.0 of video; 30 segments, 6 anomalous, 18 described, 6 failed"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, one that grows and one that was stopped."""
    folder = tmp_path_factory.mktemp("runs")
    make_report_run(folder, ReportRun(name="alpha", keyframes=False))
    make_report_run(folder, ReportRun(name="beta", keyframes=False, finished=False))
    make_report_run(folder, ReportRun(name="gamma", keyframes=False, stopped="stopped by SIGTERM"))
    return folder


def show(*words: object) -> Result:
    """The result of the command, in a pipe."""
    return CliRunner().invoke(cli, ["show", *map(str, words)])


def rows(result: Result) -> list[list[str]]:
    """The cells of the segments' lines."""
    lines = result.output.partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.split("\t")] for line in lines[1:]]


def table(folder: Path, width: int = 80, *, color: bool = False) -> str:
    """A run's table in a terminal."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=not color, color_system="standard")
    listing = list_run(folder)
    ColoredTable(console).segments(listing.segments, listing.run)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_pipe_gets_a_line_for_each_segment_and_the_totals(runs: Path) -> None:
    result = show(runs)
    assert result.exit_code == 0
    lines = rows(result)
    assert len(lines) == 30
    assert lines[4] == [
        "alpha", "s0004", "0:00:24.0", "0:00:30.0", "anomalous", "0.200", "", "described", "drive the screw in",
    ]  # fmt: skip
    assert lines[1][-1] == "failed: the annotator gave no answer, every 2.0 s"
    assert len({line.index("\t", 20) for line in result.output.splitlines()[:31]}) == 1
    assert result.output.splitlines()[-3:] == [
        "beta  not finished; 0:01:00.0 of video; 10 segments, 2 anomalous, 6 described, 2 failed",
        "gamma  stopped by SIGTERM; 0:01:00.0 of video; 10 segments, 2 anomalous, 6 described, 2 failed",
        TOTALS,
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--anomalous",), ["s0004", "s0009"]),
        (("--failed",), ["s0001", "s0006"]),
        (("--anomalous", "--failed"), []),
        (("--anomalous", "--described"), ["s0004", "s0009"]),
        (("--segment", "s0007"), ["s0007"]),
    ],
)
def test_filters(runs: Path, words: tuple[str, ...], names: list[str]) -> None:
    """Kinds and outcomes both have to agree; the totals stay those of all segments."""
    result = show(runs, *words, "--clip", "al*")
    assert [row[1] for row in rows(result)] == names
    assert result.output.endswith(f"{TOTALS}\n{len(names)} of 30 segments shown\n")


def test_the_most_unusual_come_first(runs: Path) -> None:
    """Over all runs; equal ones stay in order, and those without a score come last."""
    scores = [row[5] for row in rows(show(runs, "--sort", "score"))]
    assert scores == sorted(scores, reverse=True)
    first = rows(show(runs, "--sort", "score"))[0]
    assert first[:2] == ["alpha", "s0009"]


def test_json_is_one_document(runs: Path) -> None:
    result = show(runs, "--anomalous", "--json")
    document = json.loads(result.output)
    assert list(document) == ["v", "segments", "runs", "totals", "not_shown"]
    segments = [ListedSegment.model_validate(each) for each in document["segments"]]
    assert [(each.clip, each.segment_id) for each in segments[:3]] == [
        ("alpha", "s0004"), ("alpha", "s0009"), ("beta", "s0004"),
    ]  # fmt: skip
    assert [ListedRun.model_validate(each).state for each in document["runs"]] == ["finished", "running", "stopped"]
    assert RunCounts.model_validate(document["totals"]).segments == 30
    assert json.loads(show(runs, "--segment", "none", "--json").output)["segments"] == []


def test_csv_has_the_same_columns(runs: Path) -> None:
    read = list(csv.DictReader(io.StringIO(show(runs, "--csv").output)))
    assert len(read) == 30
    assert list(read[0]) == list(ListedSegment.model_fields)
    assert (read[0]["t_end_s"], read[0]["subtasks"], read[1]["reason"]) == (
        "6.0", "drive the screw in", "the annotator gave no answer",
    )  # fmt: skip


def test_a_piece_names_its_stretch(tmp_path: Path) -> None:
    """The totals count the stretch once."""
    events = make_report_run(tmp_path, ReportRun(keyframes=False)) / "events.jsonl"
    events.write_text(events.read_text().replace('"closed_by":"state_change"', '"closed_by":"max_duration"'))
    result = show(tmp_path)
    assert rows(result)[1][-1] == "failed: the annotator gave no answer, continues s0000, every 2.0 s"
    assert "; 4 stretches (10 segments), 2 anomalous, " in result.output
    assert [each["stretch"] for each in json.loads(show(tmp_path, "--json").output)["segments"]] == [
        *["s0000"] * 4, "s0004", *["s0005"] * 4, "s0009",
    ]  # fmt: skip


def test_a_run_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    """Of several it is named, and the exit code is 4; alone it is the error."""
    make_report_run(tmp_path, ReportRun(name="alpha", keyframes=False))
    events = make_report_run(tmp_path, ReportRun(name="torn", keyframes=False)) / "events.jsonl"
    events.write_text(events.read_text() + "{\n")
    result = show(tmp_path)
    assert result.exit_code == 4
    assert f"\nnot shown: {tmp_path}/torn/events.jsonl is damaged (" in result.output
    assert "\n1 clip: 1 finished; 0:01:00.0 of video; 10 segments, 2 anomalous, " in result.output
    assert json.loads(show(tmp_path, "--json").output)["not_shown"][0]["run_dir"] == f"{tmp_path}/torn"
    for words in ((), ("--json",), ("--csv",)):
        alone = show(tmp_path / "torn", *words)
        assert isinstance(alone.exception, InputError)
        assert alone.output == ""


def test_a_terminal_without_an_ellipsis_gets_lines_of_its_width(runs: Path) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    console = Console(file=file, width=60, force_terminal=True, color_system=None)
    listing = list_run(runs / "alpha")
    ColoredTable(console).segments(listing.segments, listing.run)
    file.seek(0)
    lines = file.read().splitlines()
    assert max(map(len, lines)) == 60
    assert "\\u" not in "".join(lines)


def test_idle_segments_are_those_in_which_nothing_moves_for_half_of_the_time(tmp_path: Path) -> None:
    """The share that moves has a column, and the idle time is told and added up."""
    log = make_report_run(tmp_path, ReportRun(segments=3, keyframes=False)) / "events.jsonl"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    closed = [event for event in events if event["event"] == "segment.closed"]
    for event, activity, idle_s in zip(closed, (0.1234, 0.004, None), (2.9, 3.0, 0.0), strict=True):
        start_s = event["t_start_s"]
        event["activity"], event["idle_s"] = activity, idle_s
        event["idle"] = [{"t_start_s": start_s, "t_end_s": start_s + idle_s}] if idle_s else []
    log.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    assert [row[6] for row in rows(show(tmp_path))] == ["12.3%", "0.4%", ""]
    result = show(tmp_path, "--idle")
    assert [(row[1], row[-1]) for row in rows(result)] == [
        ("s0001", "failed: the annotator gave no answer, idle for 3.0 s, every 2.0 s")
    ]
    assert ", 0:00:05.9 idle, " in result.output
    assert result.output.endswith("1 of 3 segments shown\n")
    assert json.loads(show(tmp_path, "--json").output)["totals"]["idle_s"] == 5.9


def test_a_folder_without_runs_and_two_formats_are_refused(tmp_path: Path) -> None:
    assert isinstance(show(tmp_path).exception, InputError)
    assert isinstance(show(tmp_path, "--json", "--csv").exception, UsageError)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_fits_its_terminal(runs: Path, width: int) -> None:
    """What is too long ends with an ellipsis."""
    lines = re.sub(r"\x1b\[\d+m", "", table(runs / "alpha", width)).splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.endswith("…") for line in lines) == (width < 200)


def test_colours_mean_something_and_can_be_switched_off(runs: Path) -> None:
    colored = table(runs / "alpha", color=True)
    assert "\x1b[33manomalous\x1b[0m" in colored
    assert "\x1b[31mfailed: " in colored
    assert "\x1b[3" not in table(runs / "alpha")


def test_words_from_outside_do_not_act_on_the_terminal(tmp_path: Path) -> None:
    """Neither escapes nor tabs, which would move columns."""
    run = make_report_run(tmp_path, ReportRun(subtask="\x1b[2Jgone\tand\nmore [red]", keyframes=False))
    for text in (show(run).output, table(run, 200)):
        assert "\x1b[2J" not in text
        assert "[2Jgone and more [red]" in text
