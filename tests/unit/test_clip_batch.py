"""Several clips in one command: which are meant, what comes of each, and the command's exit code."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stream.engines.batch import Outcome, most_severe, run_clips, run_in_turn
from stream.errors import ExitCode, ModelUnavailableError, NoRoomError, NoVideoError, SourceError, UsageError
from stream.records.counts import RunCounts
from stream.records.schema.generate import path_of
from stream.records.schema.series import MOST_LEFT_OUT
from stream.sources.address import ClipSpec, Unopened
from stream.sources.selection import LeftOut
from stream.sources.table import open_clip
from tests.support.clips import clips_named


def touch(*paths: Path) -> None:
    for path in paths:
        path.write_bytes(b"x")


def tar_of(path: Path, *names: str) -> Path:
    """A tar with such members, of one byte each."""
    with tarfile.open(path, "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
    return path


def test_a_whole_tar_is_its_clips_in_their_order(tmp_path: Path) -> None:
    """Every video once, in the tar's order; sidecars and macOS's shadows are no clips."""
    tar = tar_of(tmp_path / "part000.tar", "b.mp4", "b.json", "./sub/a.MP4", "._b.mp4", "b.mp4")
    clips = clips_named([str(tar)])
    assert clips == [f"{tar}::b.mp4", f"{tar}::./sub/a.MP4"]
    assert [open_clip(clip).size_bytes for clip in clips] == [1, 1]


def test_a_folder_is_its_clips_and_those_of_its_tars(tmp_path: Path) -> None:
    """By name; what is neither a video nor a tar is left out, and so are folders within."""
    touch(tmp_path / "c.mp4", tmp_path / "a.mp4", tmp_path / "intrinsics.json", tmp_path / ".hidden.mp4")
    tar = tar_of(tmp_path / "b.tar", "1.mp4", "2.mp4")
    (tmp_path / "inner").mkdir()
    touch(tmp_path / "inner" / "d.mp4")
    expected = [tmp_path / "a.mp4", f"{tar}::1.mp4", f"{tar}::2.mp4", tmp_path / "c.mp4"]
    assert clips_named([str(tmp_path)]) == [str(clip) for clip in expected]


def test_a_list_names_a_clip_on_each_line(tmp_path: Path) -> None:
    """Empty lines and comments do not count; a line may name all that a word can."""
    tar = tar_of(tmp_path / "part000.tar", "a.mp4", "b.mp4")
    (tmp_path / "list.txt").write_text(f"# two shards\n\nclip.mp4\n  {tar}  \n")
    clips = clips_named(["first.mp4", f"@{tmp_path}/list.txt"])
    assert clips == ["first.mp4", "clip.mp4", f"{tar}::a.mp4", f"{tar}::b.mp4"]


def test_lists_that_name_nothing_are_refused(tmp_path: Path) -> None:
    """A list that is missing, empty or no text is an input that cannot be read."""
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    for name, complaint in (("none", "No such file"), ("empty", "is empty"), ("bytes", "no UTF-8")):
        with pytest.raises(SourceError, match=complaint):
            clips_named([f"@{tmp_path}/{name}.txt"])


def test_what_holds_no_clip_is_left_to_be_opened(tmp_path: Path) -> None:
    """A missing file, a folder and a tar without clips stay as named, and opening them says what is wrong."""
    tar = tar_of(tmp_path / "part000.tar", "a.json")
    (tmp_path / "folder").mkdir()
    specs = [str(tmp_path / "none.mp4"), str(tmp_path / "folder"), str(tar)]
    assert clips_named(specs) == specs
    for spec, complaint in zip(
        specs, ("does not exist", "is a directory", r"holds no video, only 1 x text \(a\.json\)"), strict=True
    ):
        with pytest.raises(SourceError, match=complaint):
            open_clip(spec)


def test_two_clips_of_one_stem_are_refused(tmp_path: Path) -> None:
    """They would be written to one place; the error names both, before anything is run."""
    tar = tar_of(tmp_path / "part000.tar", "clip.mp4")
    with pytest.raises(UsageError, match=r"clip\.mp4 and .*part000\.tar::clip\.mp4 would both be written as 'clip'"):
        clips_named([str(tmp_path / "clip.mp4"), str(tar)])


def test_exit_code_is_the_most_severe_one() -> None:
    """The greatest of all, but that damage (4) weighs less than a clip that is not done."""
    assert most_severe([0, 0]) == 0
    assert most_severe([0, 4, 0]) == 4
    assert most_severe([4, 3, 0]) == 3
    assert most_severe([4, 2]) == 2
    assert most_severe([3, 70, 4]) == 70
    assert most_severe([70, 143]) == 143


FAILURES: dict[str, Exception] = {
    "bad": SourceError("bad is no video"),
    "weights": ModelUnavailableError("no weights"),
    "full": NoRoomError("no room"),
}


def job(clip: str) -> Outcome:
    """A job that fails for the clips named above."""
    if clip in FAILURES:
        raise FAILURES[clip]
    return Outcome(clip, ExitCode.PARTIAL if clip == "torn" else ExitCode.DONE, "done", 30.0)


def named(*clips: str) -> list[ClipSpec]:
    return [ClipSpec(clip) for clip in clips]


def series(*clips: str, fail_fast: bool = False) -> tuple[int, list[str]]:
    messages: list[str] = []
    return run_in_turn(named(*clips), job, messages.append, fail_fast=fail_fast), messages


def test_one_bad_clip_does_not_stop_the_rest() -> None:
    """Each clip has its line with its code, and the totals add up."""
    code, messages = series("a", "bad", "torn", "b")
    assert code == ExitCode.INPUT
    assert messages[-5:] == [
        "  0  a: done",
        "  3  bad: the input cannot be read",
        "  4  torn: done",
        "  0  b: done",
        "3 of 4 clips done, 1 of them with damage, 1 failed; 0:01:30.0 of video",
    ]


def test_fail_fast_stops_at_the_first_that_is_not_done() -> None:
    """Damage is no failure; a clip that cannot be read is."""
    code, messages = series("torn", "bad", "b", fail_fast=True)
    assert code == ExitCode.INPUT
    assert messages[-1] == "1 of 3 clips done, 1 of them with damage, 1 failed, 1 not begun; 0:00:30.0 of video"


@pytest.mark.parametrize(("clip", "code"), [("weights", 5), ("full", 6)])
def test_what_every_clip_would_meet_stops_at_once(clip: str, code: int) -> None:
    """Without weights, or on a full disk, the next clip would fare no better."""
    assert series("a", clip, "b")[0] == code
    assert "1 not begun" in series("a", clip, "b")[1][-1]


def test_one_clip_named_by_itself_is_not_a_series() -> None:
    """Its error is raised as ever, and nothing is summed up."""
    messages: list[str] = []
    assert run_clips(["torn"], job, messages.append, fail_fast=False) == ExitCode.PARTIAL
    with pytest.raises(SourceError, match="bad is no video"):
        run_clips(["bad"], job, messages.append, fail_fast=False)
    assert messages == []


def test_signal_that_comes_too_late_for_one_clip_ends_the_series() -> None:
    """The clip was done, and counts as done; no other is begun, and the code is the signal's where one was left."""
    late = Outcome("a", ExitCode.DONE, "done", 30.0, stopped=ExitCode.SIGTERM)
    messages: list[str] = []
    assert run_in_turn(named("a", "b"), lambda _: late, messages.append, fail_fast=False) == ExitCode.SIGTERM
    assert messages[-1] == "1 of 2 clips done, 1 not begun; 0:00:30.0 of video"
    assert run_in_turn(named("a"), lambda _: late, messages.append, fail_fast=False) == ExitCode.DONE


def test_the_summary_counts_what_it_is_told() -> None:
    messages: list[str] = []
    run_in_turn(named("a", "b"), job, messages.append, fail_fast=False, what="run")
    assert messages[-1].startswith("2 of 2 runs done;")


def test_the_record_is_whole_after_each_clip(tmp_path: Path) -> None:
    """A program that reads it between two clips sees what is done and what is left, and never a part of it."""
    record = tmp_path / "runs" / "series.json"
    records: list[dict[str, Any]] = []

    def look(clip: str) -> Outcome:
        records.append(json.loads(record.read_text()) if record.exists() else {})
        return Outcome(clip, ExitCode.DONE, "done", 30.0, tmp_path / clip)

    run_in_turn(named("a", "bad", "b"), lambda clip: job(clip) if clip == "bad" else look(clip), print, fail_fast=False,
               record=record)  # fmt: skip
    before, between = records
    assert before == {}
    assert [(line["clip"], line["exit_code"], line["run_dir"]) for line in between["clips"]] == [
        ("a", 0, str(tmp_path / "a")),
        ("bad", 3, None),
    ]
    assert between["left"] == ["b"]
    assert json.loads(record.read_text())["left"] == []
    assert [path.name for path in record.parent.iterdir()] == ["series.json"]


def test_what_was_found_is_counted_and_added_up(tmp_path: Path) -> None:
    """As numbers in the record, for each clip and for all, and in the last line."""
    found = {
        "a": RunCounts(decoded_s=60.0, segments=9, stretches=4, anomalous=1, anomalous_segments=3, described=2),
        "b": RunCounts(decoded_s=50.1, segments=3, stretches=3, anomalous=1, anomalous_segments=1, failed=1),
    }
    record, messages = tmp_path / "series.json", list[str]()
    run_in_turn(
        named("a", "b", "bad"),
        lambda clip: replace(job(clip), counts=found[clip]) if clip in found else job(clip),
        messages.append,
        fail_fast=False,
        record=record,
    )
    series = json.loads(record.read_text())
    Draft202012Validator(json.loads(path_of("series").read_text())).validate(series)
    assert [clip["counts"] and clip["counts"]["stretches"] for clip in series["clips"]] == [4, 3, None]
    assert RunCounts.model_validate(series["counts"]) == found["a"] + found["b"]
    assert messages[-1] == (
        "2 of 3 clips done, 1 failed; 0:01:50.1 of video; 7 stretches (12 segments), 2 anomalous, 2 described, "
        f"1 failed; results in {record.parent}"
    )


def test_what_is_left_out_is_named_at_the_end_and_in_the_record(tmp_path: Path) -> None:
    """With its reason; in the record up to a bound, and the rest is counted. The record has a schema."""
    record = tmp_path / "series.json"
    left_out = [LeftOut(f"folder/{number}.txt", "text") for number in range(MOST_LEFT_OUT + 2)]
    messages: list[str] = []
    run_in_turn(named("a", "bad"), job, messages.append, fail_fast=False, record=record, left_out=left_out)
    assert messages[-2] == f"left out: {MOST_LEFT_OUT + 2} x text (0.txt, 1.txt, 2.txt, and {MOST_LEFT_OUT - 1} more)"
    series = json.loads(record.read_text())
    assert (series["left_out"][0], series["left_out_more"]) == ({"path": "folder/0.txt", "reason": "text"}, 2)
    Draft202012Validator(json.loads(path_of("series").read_text())).validate(series)


def _silent_film(clip: str) -> Outcome:
    if "sound" in clip:
        raise NoVideoError(f"{clip} has no video stream, only: audio")
    return job(clip)


def _members(*names: str) -> list[ClipSpec]:
    """Clips of one tar that were not opened when it was listed."""
    return [ClipSpec(f"t.tgz::{name}", unopened=Unopened("t.tgz", "MP4")) for name in names]


def test_a_listed_clip_that_has_no_video_is_left_out(tmp_path: Path) -> None:
    """It counts as if it had been opened to list it; one that the user named is an error."""
    record, messages = tmp_path / "series.json", list[str]()
    clips = [*_members("sound", "film"), ClipSpec("sound.mp4")]
    code = run_in_turn(clips, _silent_film, messages.append, fail_fast=True, record=record)
    assert code == ExitCode.INPUT
    assert messages[-4:] == [
        "  0  t.tgz::film: done",
        "  3  sound.mp4: the input cannot be read",
        "left out: 1 x MP4 without video (sound)",
        f"1 of 2 clips done, 1 failed; 0:00:30.0 of video; results in {tmp_path}",
    ]
    written = json.loads(record.read_text())
    assert [each["clip"] for each in written["clips"]] == ["t.tgz::film", "sound.mp4"]
    assert written["left_out"] == [{"path": "t.tgz::sound", "reason": "MP4 without video"}]
    assert run_in_turn(_members("sound", "film"), _silent_film, messages.append, fail_fast=True) == ExitCode.DONE


def test_a_tar_in_which_no_clip_has_video_is_an_error() -> None:
    """As one is that holds none at first sight, and the clips beside it run."""
    messages: list[str] = []
    clips = [*_members("sound 1", "sound 2"), ClipSpec("a")]
    assert run_in_turn(clips, _silent_film, messages.append, fail_fast=False) == ExitCode.INPUT
    assert messages[-4:] == [
        "  3  t.tgz: the input cannot be read",
        "  0  a: done",
        "left out: 2 x MP4 without video (sound 1, sound 2)",
        "1 of 2 clips done, 1 failed; 0:00:30.0 of video",
    ]


def test_a_folder_without_videos_is_an_input_that_cannot_be_read(tmp_path: Path) -> None:
    """One sentence that names what was there, raised where the folder was all that was given."""
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(SourceError, match=r"holds no video, only 1 x text \(a\.json\): name a clip"):
        run_clips([str(tmp_path)], job, print, fail_fast=False)


def test_a_record_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """A folder that is a file is a wrong option, not a fault of the program."""
    (tmp_path / "runs").write_text("")
    with pytest.raises(UsageError, match=r"series\.json cannot be written"):
        run_in_turn(named("a"), job, print, fail_fast=False, record=tmp_path / "runs" / "series.json")
