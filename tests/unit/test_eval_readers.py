"""Every file that an evaluation reads is read right, and what is broken is named."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from stream.errors import EgocleanError, InputError, UsageError
from stream.evaluation.readers import read_tracks
from stream.evaluation.track import anomalies_of, seconds_of
from stream.evaluation.types import Stretch
from tests.support.eval_files import LOGS, file, needs_logs, spans, write_run


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (75, 75.0), (7.25, 7.25), ("75", 75.0), (" 75.5 ", 75.5), ("1:15", 75.0), ("01:15.25", 75.25),
        ("00:01:15", 75.0), ("1:00:00", 3600.0), ("90:00", 5400.0),
    ],
)  # fmt: skip
def test_times_as_people_write_them(value: object, seconds: float) -> None:
    """Seconds, mm:ss and hh:mm:ss are read, with fractions."""
    assert seconds_of(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "soon", "1:75", "0:61:00", "1:2:3:4", "-5", -1, "nan", float("inf"), 10**400, True, None, [1]]
)
def test_text_that_is_not_a_time_is_refused(value: object) -> None:
    """Fields past 59, negative, endless and other values are errors, never a time."""
    with pytest.raises(ValueError, match=r"not a time|missing"):
        seconds_of(value)


def test_run_directory(tmp_path: Path) -> None:
    """A run gives its stem, its decoded length, and its anomalous stretches with the moments they were known."""
    (track,) = read_tracks(write_run(tmp_path / "any", "demo"))
    assert (track.stem, track.duration_s, track.note) == ("demo", 200.0, None)
    assert anomalies_of(track, None) == (Stretch(60, 100, 64, 103), Stretch(180, 200, 184, None))


def test_unfinished_run_is_reported(tmp_path: Path) -> None:
    """Of a run without an end the closed segments are read, its length is not known, and a note says it."""
    (track,) = read_tracks(write_run(tmp_path / "demo", "demo", finished=False))
    assert track.duration_s is None
    assert track.note is not None
    assert "has not finished" in track.note


def test_directory_of_runs(tmp_path: Path) -> None:
    """Every run in a directory is a clip; two runs of one clip are refused."""
    write_run(tmp_path / "b", "two")
    write_run(tmp_path / "a", "one")
    (tmp_path / "no run").mkdir()
    assert [track.stem for track in read_tracks(tmp_path)] == ["one", "two"]
    write_run(tmp_path / "c", "two")
    with pytest.raises(InputError, match="same clip, 'two'"):
        read_tracks(tmp_path)


def test_truth_json(tmp_path: Path) -> None:
    """Each stem is a clip; typical segments are no events; an empty list is a clip without events."""
    path = file(
        tmp_path,
        "truth.json",
        '{"a": [{"t_start_s": 5, "t_end_s": 9, "kind": "anomalous"},'
        ' {"t_start_s": 9, "t_end_s": 20, "kind": "typical"}], "b": []}',
    )
    tracks = {track.stem: anomalies_of(track, None) for track in read_tracks(path)}
    assert tracks == {"a": (Stretch(5, 9),), "b": ()}


def test_json_array_of_detections(tmp_path: Path) -> None:
    """An array has no clip's name; other keys are ignored; the moment of detection is the opening's."""
    path = file(
        tmp_path,
        "found.json",
        '[{"t_start_s": 208.0, "t_end_s": 262, "kind": "anomalous", "score_max": 0.3, "detected_at_s": 214}]',
    )
    (track,) = read_tracks(path)
    assert (track.stem, anomalies_of(track, None)) == (None, (Stretch(208, 262, 214),))


def test_csv_of_events(tmp_path: Path) -> None:
    """Times may be mm:ss; kind and moment of detection are read where there are such columns."""
    path = file(
        tmp_path,
        "a.csv",
        "\ufeffstart,end,kind,detected_at_s\n03:28,04:22,anomalous,3:34\n05:00,06:00,typical,\n07:00,07:13,anomalous,\n",
    )
    (track,) = read_tracks(path)
    assert anomalies_of(track, None) == (Stretch(208, 262, 214), Stretch(420, 433))
    (bare,) = read_tracks(file(tmp_path, "b.csv", "t_end_s,t_start_s\n9.5,5\n"))
    assert anomalies_of(bare, None) == (Stretch(5, 9.5),)


def test_event_log_names_its_clips(tmp_path: Path) -> None:
    """An event log's rows belong to their source file, a pattern chooses them, rows that touch are one event."""
    path = file(
        tmp_path,
        "log.csv",
        "start_timestamp,activity,process,source_file,start_seconds_from_video_start,end_seconds_from_video_start\n"
        "x,fill bin,Replenishment,b.csv,0,6\nx,press,Stamping,a.csv,0,50\nx,fetch parts,Replenishment,a.csv,50,60\n"
        "x,pour parts,Replenishment,a.csv,60,66\nx,press,Stamping,a.csv,70,65\n",
    )
    one, two = read_tracks(path)
    pattern = re.compile("replenish", re.IGNORECASE)
    assert (one.stem, spans(anomalies_of(one, pattern))) == ("a", [(50, 66)])
    assert (two.stem, spans(anomalies_of(two, pattern))) == ("b", [(0, 6)])
    assert one.broken == (f"{path}, line 6: its end, 65, is not after its start, 70",)


def test_transcript_puts_broken_lines_aside_by_name(tmp_path: Path) -> None:
    """Each broken line is named with file, line and fault; the sound ones are used."""
    path = file(
        tmp_path,
        "clip7.txt",
        "Here is the transcript:\n\n[00:00:00 - 00:00:23] The cycle.\n[00:00:23 - 00:00:25] Refills [a bin] - twice.\n"
        "[00:00:25 - 00:00:25] Nothing.\n[00:00:80 - 00:01:30] Refills again.\n[00:20] Refills.\n",
    )
    (track,) = read_tracks(path)
    assert track.stem == "clip7"
    assert spans(anomalies_of(track, re.compile("refills", re.IGNORECASE))) == [(23, 25)]
    assert [sentence.removeprefix(f"{path}, ").split(":")[0] for sentence in track.broken] == [
        "line 1", "line 5", "line 6", "line 7",
    ]  # fmt: skip
    assert "not after its start" in track.broken[1]
    assert "end at 59" in track.broken[2]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", '[{"t_start_s": NaN, "t_end_s": 2}]', "NaN is not a JSON number"),
        ("a.json", '[{"t_start_s": 1e999, "t_end_s": 2}]', "segment 1: inf is not a time"),
        ("a.json", '{"a": {"t_start_s": 1}}', "clip a: it holds an object, expected a list of segments"),
        ("a.json", "{}", "holds an object, expected a list of segments or an object of such lists"),
        ("a.json", "3", "holds a number"),
        ("a.json", "[3]", "segment 1: it is a number"),
        ("a.json", '[{"start": 1, "t_end_s": 2}]', "segment 1: it has no t_start_s, only start, t_end_s"),
        ("a.json", '[{"t_start_s": 5, "t_end_s": 5}]', "segment 1: its end, 5, is not after its start, 5"),
        ("a.json", '[{"t_start_s": 5, "t_end_s": 6, "kind": "odd"}]', "kind is 'odd'"),
        ("a.csv", "", "of no header"),
        ("a.csv", "from,to\n1,2\n", "columns from, to, but none of t_start_s"),
        ("a.csv", "start,end\n1,2\n3\n", "line 3: a time is missing"),
        ("a.csv", "source_file,activity,start,end\n", "without rows"),
        ("a.txt", "Once upon a time\n", "no valid row"),
    ],
)
def test_broken_files_are_input_errors(tmp_path: Path, name: str, text: str, message: str) -> None:
    """What is not of the promised shape is an error that names file, place and fault."""
    path = file(tmp_path, name, text)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_tracks(path)
    assert str(path) in str(caught.value)


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    """A file that is not there, a directory without a run, bytes that are no text, and an unknown suffix are named."""
    (tmp_path / "bytes.csv").write_bytes(b"start,end\n\xff")
    (tmp_path / "clip.mp4").write_bytes(b"")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "events.jsonl").write_text('{"event": "segment.closed"}\n')
    (tmp_path / "empty").mkdir()
    expected: dict[str, tuple[type[EgocleanError], str]] = {
        "nothing.json": (InputError, "does not exist"),
        "bytes.csv": (InputError, "not UTF-8"),
        "clip.mp4": (UsageError, ".json or .csv or .txt"),
        "torn": (InputError, "a line that is not an event"),
        "empty": (InputError, "not a run directory and contains none"),
    }
    for name, (kind, message) in expected.items():
        with pytest.raises(kind, match=re.escape(message)):
            read_tracks(tmp_path / name)


def test_overlapping_events_are_refused(tmp_path: Path) -> None:
    """Two listed events that overlap are an error that names both; touching ones are one event."""
    path = file(tmp_path, "a.json", '[{"t_start_s": 8, "t_end_s": 20}, {"t_start_s": 5, "t_end_s": 9}]')
    with pytest.raises(InputError, match=r"segment 1: it begins at 8 s, before .* segment 2 ends at 9 s"):
        anomalies_of(read_tracks(path)[0], None)
    touching = file(tmp_path, "b.json", '[{"t_start_s": 9, "t_end_s": 20}, {"t_start_s": 5, "t_end_s": 9}]')
    assert anomalies_of(read_tracks(touching)[0], None) == (Stretch(5, 20),)


def test_described_rows_need_a_pattern(tmp_path: Path) -> None:
    """A transcript tells everything that happens: without a pattern it is not taken for a list of anomalies."""
    (track,) = read_tracks(file(tmp_path, "a.txt", "[00:00:00 - 00:00:10] Work.\n"))
    with pytest.raises(UsageError, match="--anomalous PATTERN"):
        anomalies_of(track, None)


@needs_logs
def test_published_transcripts_are_read_whole() -> None:
    """Both transcripts of real clips are read without a broken line, to the end of their 20 minutes."""
    for name, lines in (("factory001_worker004_00000", 161), ("factory003_worker009_00002", 147)):
        (track,) = read_tracks(LOGS / f"{name}.txt")
        assert (track.stem, len(track.rows), track.broken) == (name, lines, ())
        assert max(row.span.t_end_s for row in track.rows) == 1200.0


@needs_logs
@pytest.mark.parametrize(("name", "rows", "clips"), [("001", 2288, 97), ("002", 1541, 54), ("003", 2449, 72)])
def test_published_event_logs_are_read_whole(name: str, rows: int, clips: int) -> None:
    """Every row of the three event logs belongs to a clip, and concurrent activities are one stretch of time."""
    tracks = read_tracks(LOGS / f"factory_{name}.csv")
    assert (len(tracks), sum(len(track.rows) + len(track.broken) for track in tracks)) == (clips, rows)
    assert all(track.stem and track.stem.startswith(f"factory{name}_worker") for track in tracks)
    everything = re.compile("")
    for track in tracks:
        anomalies = anomalies_of(track, everything)
        assert all(one.t_end_s < other.t_start_s for one, other in pairwise(anomalies))
