"""The right truth is taken for each clip, and its right length."""

import re
from pathlib import Path

import pytest

from stream.errors import InputError, UsageError
from stream.evaluation.pairing import left_out, make_case, paired
from stream.evaluation.readers import read_tracks
from tests.support.eval_files import LOGS, file, needs_logs, spans, write_run


def test_rows_past_the_end_of_the_clip(tmp_path: Path) -> None:
    """Where the clip's length is known, a listed event past it is an error, a transcript's line is left out."""
    run = read_tracks(write_run(tmp_path / "clip", "clip"))[0]
    listed = read_tracks(file(tmp_path, "a.json", '[{"t_start_s": 190, "t_end_s": 300}]'))[0]
    with pytest.raises(
        InputError, match="ends at 300 s, after the end of the clip at 200 s: it may belong to another clip"
    ):
        make_case("clip", run, listed, None, None)
    rows = file(
        tmp_path, "clip.txt", "[00:01:00 - 00:01:30] Pause.\n[00:03:10 - 00:03:21] Pause.\n[01:01:00 - 01:01:21] Pause."
    )
    case = make_case("clip", run, read_tracks(rows)[0], re.compile("Pause"), None)
    assert spans(case.clip.true) == [(60, 90), (190, 201)]
    assert (case.clip.duration_s, case.clip.duration_known) == (201.0, True)
    assert case.broken == (f"{rows}, line 3: it ends at 3681 s, after the end of the clip at 200 s",)


def test_clip_length_is_the_option_the_run_or_the_last_end(tmp_path: Path) -> None:
    """The option comes first, then a run on either side, then the last end, which is marked as a guess."""
    run = read_tracks(write_run(tmp_path / "clip", "clip"))[0]
    listed = read_tracks(file(tmp_path, "a.json", '[{"t_start_s": 50, "t_end_s": 70}]'))[0]
    cases = [make_case("x", listed, run, None, 600.0), make_case("x", listed, run, None, None)]
    cases.append(make_case("x", listed, listed, None, None))
    lengths = [(case.clip.duration_s, case.clip.duration_known) for case in cases]
    assert lengths == [(600.0, True), (200.0, True), (70.0, False)]


def test_clips_are_paired_by_name(tmp_path: Path) -> None:
    """A run takes the truth of its stem, an unnamed list the only clip; --clip chooses; anything else must be named."""
    (run,) = read_tracks(write_run(tmp_path / "one", "one"))
    truth = read_tracks(file(tmp_path, "truth.json", '{"one": [], "two": []}'))
    (unnamed,) = read_tracks(file(tmp_path, "list.json", "[]"))
    assert paired([run], truth, None) == [("one", run, truth[0])]
    assert paired([run], truth, "two") == [("two", run, truth[1])]
    assert paired([unnamed], truth[:1], None) == [("one", unnamed, truth[0])]
    assert paired([unnamed], [unnamed], None) == [("clip", unnamed, unnamed)]
    for predicted, true, stem, message in (
        ([run], truth[1:], None, "the truth has no clip 'one', only 'two'"),
        ([unnamed], truth, None, "one of 'one', 'two'"),
        ([run], truth, "three", "--clip three: there is no such clip; expected one of 'one', 'two'"),
        (truth, [run, unnamed], "two", "--clip two: one side has no such clip; expected one of 'one'"),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            paired(predicted, true, stem)


@needs_logs
def test_known_broken_times_are_left_out() -> None:
    """The clip whose minutes were written as hours keeps no row past its 20 minutes, and names each one lost."""
    tracks = {track.stem: track for track in read_tracks(LOGS / "factory_001.csv")}
    published = tracks["factory001_worker010_00001"]
    case = make_case("clip", published, published, re.compile(""), 1200.0)
    assert case.clip.duration_s == 1200.0
    assert len(case.broken) == 2 * sum(row.span.t_end_s > 1201 for row in published.rows) > 0
    assert all(
        re.search(r"line \d+: it ends at \d+ s, after the end of the clip at 1200 s", sentence)
        for sentence in case.broken
    )


def test_truth_that_nobody_predicted_is_named(tmp_path: Path) -> None:
    """Where several clips are judged a note names those of the truth without predictions."""
    truth = read_tracks(file(tmp_path, "truth.json", '{"a": [], "b": [], "c": []}'))
    assert left_out(truth, paired(truth[:2], truth, None)) == (
        "left out, because there are no predictions for them: 'c'",
    )
    assert left_out(truth, paired(truth[:1], truth, None)) == ()
