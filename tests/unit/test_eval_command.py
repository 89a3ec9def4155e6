"""The command ``eval`` from its files to its tables, its JSON and its errors."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from stream.commands.eval import evaluate
from stream.errors import EgocleanError, InputError, UsageError
from stream.evaluation.evaluation import evaluate as judge_clips
from stream.evaluation.evaluation import judge
from stream.evaluation.tables import show
from stream.evaluation.types import ClipAnomalies, Stretch
from tests.support.eval_files import LOGS, SHARED, file, needs_logs, write_run

TRUTH = '{"one": [{"t_start_s": 58, "t_end_s": 98, "kind": "anomalous"}], "two": []}'


def run(*words: str | Path) -> Result:
    """The command's result; its errors are raised."""
    return CliRunner().invoke(evaluate, [str(word) for word in words], catch_exceptions=False)


def as_json(*words: str | Path) -> dict[str, Any]:
    """What it prints with --json, read so strictly that NaN would not pass."""
    result = run(*words, "--json")
    assert result.exit_code == 0

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    parsed: dict[str, Any] = json.loads(result.stdout, parse_constant=refuse)
    return parsed


def test_run_against_truth(tmp_path: Path) -> None:
    """A run is judged against the truth of its own stem, over its own length, with latencies."""
    report = as_json(write_run(tmp_path / "one", "one"), file(tmp_path, "truth.json", TRUTH))
    (clip,) = report["clips"]
    assert (clip["clip"], clip["duration_s"], clip["duration_known"]) == ("one", 200.0, True)
    assert (clip["true_events"], clip["predicted_events"], clip["hits_edges_2s"]) == (1, 2, 1)
    assert (clip["f1_iou_0.7"], clip["false_events_per_hour"]) == (pytest.approx(2 / 3), 18.0)
    assert (clip["opening_latency_median_s"], clip["closing_latency_median_s"]) == (6.0, 5.0)
    assert clip["matches"][0]["predicted"] == {"t_start_s": 60.0, "t_end_s": 100.0}
    assert clip["unmatched"] == [{"t_start_s": 180.0, "t_end_s": 200.0}]
    assert report["control"]["f1_iou_0.5"]["value"] == report["pooled"]["f1_iou_0.5"]
    assert (report["notes"], report["broken_rows"]) == ([], [])


def test_directory_of_runs_is_pooled(tmp_path: Path) -> None:
    """Each run has its row, and the pooled one is of all; both are in the table and in the JSON."""
    for stem in ("one", "two"):
        write_run(tmp_path / "runs" / stem, stem)
    truth = file(tmp_path, "truth.json", TRUTH.replace("}]", '}], "three": []', 1))
    report = as_json(tmp_path / "runs", truth)
    assert [clip["clip"] for clip in report["clips"]] == ["one", "two"]
    assert (report["pooled"]["duration_s"], report["pooled"]["predicted_events"]) == (400.0, 4)
    assert report["notes"] == ["left out, because there are no predictions for them: 'three'"]
    lines = run(tmp_path / "runs", truth).stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["clip", "one", "two", "pooled"]


def test_table_in_a_pipe_is_plain_and_aligned(tmp_path: Path) -> None:
    """In a pipe there are no colours and no rules, and no line is wrapped or cut, however long the clip's name."""
    stem = "factory001_worker001_" + "0" * 120
    predictions = file(tmp_path, "found.json", json.dumps({stem: [{"t_start_s": 60, "t_end_s": 100}]}))
    out = run(predictions, predictions).stdout
    assert "\x1b" not in out
    assert not set(out) & set("─│┌…")
    head, row = out.splitlines()[:2]
    assert row.split() == [stem, "~100.00", "1", "1", "1.00", "1.00", "1.00", "0.00"]
    assert head.index("true") + len("true") == row.index(" 1 ") + 2
    assert "the last end in either file" in out
    assert "the predictions beat chance" in out


def test_terminal_of_80_columns_cuts_nothing() -> None:
    """In a narrow terminal a long name is folded, and every figure stands in full."""
    clip = ClipAnomalies("factory_001_worker_001_[0000]", (Stretch(61, 82),), (Stretch(60, 80),), 1190.0)
    screen = io.StringIO()
    show(judge_clips([clip], seed=0), (), Console(file=screen, force_terminal=True, width=80, color_system=None))
    text = screen.getvalue()
    assert "…" not in text
    assert all(len(line) <= 80 for line in text.splitlines() if "chance" not in line)
    assert {"1190.00", "1.00", "0.86", "0.00"} <= set(text.split())


@pytest.mark.parametrize(("predictions", "expected"), [("[]", "[]"), ("[]", '[{"t_start_s": 1, "t_end_s": 2}]')])
def test_empty_sides_are_legal(tmp_path: Path, predictions: str, expected: str) -> None:
    """Without events what is not defined is null in the JSON and a dash in the table, and there is no verdict."""
    sides = file(tmp_path, "found.json", predictions), file(tmp_path, "wanted.json", expected)
    report = as_json(*sides, "--duration-s", "100")
    assert (report["pooled"]["precision_iou_0.5"], report["pooled"]["time_precision"]) == (None, None)
    assert report["verdict"]["beats_random"] is None
    lines = run(*sides, "--duration-s", "100").stdout.splitlines()
    assert next(line for line in lines if line.startswith("IoU 0.5")).split()[3] == "-"


def test_broken_lines_are_reported_on_standard_error(tmp_path: Path) -> None:
    """A transcript's broken line is named on standard error and in the JSON, and the rest is judged."""
    predictions = file(tmp_path, "one.txt", "[00:00:58 - 00:01:38] Refills.\n[00:02:00 - 00:01:59] Refills.\n")
    result = run(write_run(tmp_path / "one", "one"), predictions, "--anomalous", "^refills")
    assert result.stderr == f"left out: {predictions}, line 2: its end, 00:01:59, is not after its start, 00:02:00\n"
    report = as_json(tmp_path / "one", predictions, "--anomalous", "^refills")
    assert (len(report["broken_rows"]), report["pooled"]["hits_edges_2s"]) == (1, 1)


def test_one_seed_one_output(tmp_path: Path) -> None:
    """The whole output is the same for the same seed, and the control differs for another."""
    words = write_run(tmp_path / "one", "one"), file(tmp_path, "truth.json", TRUTH)
    assert run(*words, "--json").stdout == run(*words, "--json").stdout
    assert as_json(*words)["control"] != as_json(*words, "--seed", "1")["control"]


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (["missing.json", "truth.json"], InputError, "does not exist"),
        (["list.json", "truth.json"], UsageError, "several clips could be meant"),
        (["list.json", "truth.json", "--clip", "four"], UsageError, "no such clip"),
        (["truth.json", "truth.json", "--duration-s", "9"], UsageError, "the length of one clip, and there are 2"),
        (["list.json", "list.json", "--duration-s", "nan"], UsageError, "--duration-s nan"),
        (["list.json", "list.json", "--duration-s", "9"], InputError, "may belong to another clip"),
        (["list.json", "list.json", "--anomalous", "x"], UsageError, "neither side is one"),
        (["list.json", "list.json", "--anomalous", "("], UsageError, "not a regular expression"),
        (["list.json", "told.txt"], UsageError, "--anomalous PATTERN"),
        (["twice.json", "list.json"], InputError, "events of one clip may not overlap"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], kind: type[EgocleanError], message: str
) -> None:
    """Missing files, wrong options and sides that do not fit end with the documented error and one sentence."""
    monkeypatch.chdir(tmp_path)
    file(tmp_path, "truth.json", TRUTH)
    file(tmp_path, "list.json", '[{"t_start_s": 10, "t_end_s": 20}]')
    file(tmp_path, "twice.json", '[{"t_start_s": 10, "t_end_s": 20}, {"t_start_s": 10, "t_end_s": 20}]')
    file(tmp_path, "told.txt", "[00:00:00 - 00:00:10] Work.")
    with pytest.raises(kind, match=message):
        run(*words)


def test_row_is_flat_for_tables_of_experiments() -> None:
    """What a bench tabulates is one flat row of plain numbers, whose names do not depend on what was found."""
    full = judge((Stretch(1, 2, 1.5, 2.5),), (Stretch(1, 2),), 10.0).row()
    empty = judge((), (), 0.0).row()
    assert full.keys() == empty.keys()
    assert all(value is None or type(value) in (int, float) for row in (full, empty) for value in row.values())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the Egocentric-100K-like clips are not beside the checkout")
def test_truth_of_the_recordings_is_read() -> None:
    """The truth of the two recordings is a perfect prediction of itself: three events."""
    truth = SHARED / "egocentric100k_like" / "factory001" / "worker001" / "truth.json"
    report = as_json(truth, truth)
    assert (report["pooled"]["true_events"], report["pooled"]["f1_iou_0.7"]) == (3, 1.0)


@pytest.mark.slow
@needs_logs
def test_log_against_the_transcript_it_was_made_from() -> None:
    """An event log's material replenishment is found where the transcript of the same clip speaks of it."""
    report = as_json(
        LOGS / "factory_001.csv",
        LOGS / "factory001_worker004_00000.txt",
        "--clip",
        "factory001_worker004_00000",
        "--anomalous",
        "replenish|refill|grabs a|rake",
    )
    assert (report["pooled"]["true_events"], report["pooled"]["predicted_events"]) == (73, 77)
    assert report["pooled"]["f1_edges_2s"] > 0.9
    assert report["verdict"]["beats_random"] is True
