"""Several clips in one command, with processes; tests/chain/test_clip_batch.py has what needs none."""

import signal
from pathlib import Path

from stream.errors import ExitCode
from tests.support.clips import make_clip
from tests.support.runs import DEADLINE_S, manifest, run_cli, started, wait_for_event, write_intrinsics

GRID = ("--encoder", "grid")


def test_the_processes_run_one_clip_after_another(tmp_path: Path) -> None:
    """The processes of one command run both clips, in the order of the command line."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=20) for name in ("a", "b")]
    result = run_cli(*clips, *GRID, "--out", tmp_path / "runs")
    assert (result.returncode, result.stderr) == (0, "")
    *_, first, second, total = result.stdout.splitlines()
    assert first.startswith(f"  0  {clips[0]}: finished")
    assert second.startswith(f"  0  {clips[1]}: finished")
    assert total.startswith("2 of 2 clips done;")
    assert [manifest(tmp_path / "runs" / name)["exit_code"] for name in ("a", "b")] == [0, 0]


def test_a_signal_ends_the_series(tmp_path: Path) -> None:
    """SIGTERM stops the clip under way as it would alone, and begins no other."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=300, fps=5) for name in ("a", "b")]
    with started(*clips, *GRID, "--out", tmp_path / "runs", "--pace", "realtime") as process:
        wait_for_event(tmp_path / "runs" / "a", lambda event: event.event == "segment.opened", process)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == ExitCode.SIGTERM
    assert output.splitlines()[-1].startswith("0 of 2 clips done, 1 stopped, 1 not begun;")
    assert not (tmp_path / "runs" / "b").exists()
