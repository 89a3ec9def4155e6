"""Several clips in one command, one after another."""

import io
import json
import os
import signal
import tarfile
from pathlib import Path

import pytest
from rich.console import Console

from stream.config import Options
from stream.engines.table import run_prepared
from stream.errors import ExitCode
from stream.records.schema.events import Event, RunFinished
from stream.run.prepare import prepare
from stream.runtime.signals import StopRequest
from stream.ui.view import PlainView
from tests.support.clips import into_tar, make_clip, remux
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics

GRID = ("--encoder", "grid")


@pytest.mark.slow
def test_a_worker_folder_is_run_clip_by_clip(tmp_path: Path) -> None:
    """A folder with good, torn and bad clips, one in a tar: a run each, a summary, and the most severe code."""
    folder, out = tmp_path / "worker", tmp_path / "runs"
    folder.mkdir()
    write_intrinsics(folder)
    whole = make_clip(folder / "a.mp4", frames=90)
    remux(whole, folder / "torn.mp4", without=range(35, 38))
    (folder / "bad.mp4").write_text("no video at all\n" * 500)
    into_tar(folder / "part000.tar", make_clip(tmp_path / "member.mp4", frames=20))
    result = run_inline(folder, *GRID, "--out", out)
    assert result.returncode == ExitCode.INPUT
    assert result.stderr.count("bad.mp4 is not a video") == 1
    assert sorted(path.name for path in out.iterdir()) == ["a", "member", "series.json", "torn"]
    assert [manifest(out / name)["exit_code"] for name in ("a", "member", "torn")] == [0, 0, 4]
    *_, first, second, third, fourth, total = result.stdout.splitlines()
    assert first.startswith(f"  0  {folder}/a.mp4: finished: 0:00:03.0 of video")
    assert second == f"  3  {folder}/bad.mp4: the input cannot be read"
    assert (result.stdout + result.stderr).count("is not a video") == 1
    assert third.startswith(f"  0  {folder}/part000.tar::member.mp4: finished")
    assert fourth.startswith(f"  4  {folder}/torn.mp4: finished")
    found = "3 of 4 clips done, 1 of them with damage, 1 failed; 0:00:06.7 of video; 3 segments, 0 anomalous"
    assert total == f"{found}; results in {out}"


def test_a_compressed_tar_is_run_clip_by_clip(tmp_path: Path) -> None:
    """As an uncompressed one, with its calibration beside it; of a damaged one the clips before the damage."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mov", frames=20) for name in ("a", "b")]
    tar = tmp_path / "part000.tar.gz"
    with tarfile.open(tar, "w:gz") as packed:
        for clip in clips:
            packed.add(clip, clip.name)
    tar.write_bytes(tar.read_bytes()[:-100])
    result = run_inline(tar, *GRID, "--out", tmp_path / "runs")
    assert result.returncode == ExitCode.INPUT
    *_, cut, damage, total = result.stdout.splitlines()
    assert cut == f"  3  {tar}::b.mov: the input cannot be read"
    assert damage == f"  3  {tar}: the input cannot be read"
    assert (result.stdout + result.stderr).count(f"{tar} breaks off within b.mov") == 1
    assert total.startswith("1 of 3 clips done, 2 failed;")
    assert run_inline(f"{tar}::a.mov", *GRID, "--out", tmp_path / "runs").stdout.count("nothing to do") == 1


def test_finished_clips_are_not_repeated(tmp_path: Path) -> None:
    """A series that is given again does what is left, and changes nothing of the rest."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=20) for name in ("a", "b")]
    assert run_inline(clips[0], *GRID, "--out", tmp_path / "runs").returncode == 0
    before = (tmp_path / "runs" / "a" / "events.jsonl").read_bytes()
    result = run_inline(*clips, *GRID, "--out", tmp_path / "runs")
    assert result.returncode == 0
    assert result.stdout.count("nothing to do") == 1
    assert (tmp_path / "runs" / "a" / "events.jsonl").read_bytes() == before
    assert result.stdout.splitlines()[-1].startswith("2 of 2 clips done;")


def test_several_clips_cannot_be_replayed_for_ever(tmp_path: Path) -> None:
    """--loop never comes to the second clip, so it takes one."""
    result = run_inline(tmp_path / "a.mp4", tmp_path / "b.mp4", *GRID, "--loop")
    assert (result.returncode, "--loop" in result.stderr) == (2, True)


def test_events_as_json_stay_alone_on_standard_output(tmp_path: Path) -> None:
    """With --log-format json every line of standard output is an event; the summary goes to standard error."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=20) for name in ("a", "b")]
    result = run_inline(*clips, *GRID, "--out", tmp_path / "runs", "--log-format", "json")
    assert result.returncode == 0
    names = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert names.count("run.finished") == 2
    assert json.loads(result.stderr.splitlines()[-1])["message"].startswith("2 of 2 clips done;")


class LateSignal(PlainView):
    """Sends this process a SIGTERM when it hears that the run has finished."""

    def event(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            os.kill(os.getpid(), signal.SIGTERM)


def test_signal_after_the_end_of_a_run_is_noted(tmp_path: Path) -> None:
    """The run has finished, and says so; that there was a signal is not lost."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=20)
    prepared = prepare(
        Options(source=str(clip)).replace(
            {"encoder.name": "grid", "output.folder": tmp_path / "runs", "runtime.engine": "inline"}
        )
    )
    stopped = StopRequest()
    assert run_prepared(prepared, LateSignal(Console(file=io.StringIO())), stopped) == ExitCode.DONE
    assert stopped.code == ExitCode.SIGTERM
