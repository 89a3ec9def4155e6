"""``tail`` on the records of a whole run."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from stream.commands.tail import tail
from stream.errors import ExitCode
from stream.records.folders import runs_in
from stream.records.run_annotations import AnnotationFilter
from stream.records.schema.health import Health
from stream.ui.live import LiveScreen
from stream.ui.run_tail import RunTail
from tests.support.clips import make_clip
from tests.support.inline import run_here, run_inline
from tests.support.runs import write_intrinsics
from tests.support.terminal import Terminal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=180, key_every=30)


def test_tail_begins_where_the_user_wants(clip: Path, tmp_path: Path) -> None:
    """``--since 2`` on a finished run prints the events from number 2 on, ``-n 2`` the last two, both the fewer."""
    run_inline(clip, "--encoder", "grid", "--out", tmp_path)
    every = printed(tmp_path / "clip")
    assert every == list(range(len(every)))
    assert printed(tmp_path / "clip", "--since", "2") == every[2:]
    assert printed(tmp_path / "clip", "-n", "2") == every[-2:]
    assert printed(tmp_path / "clip", "--last", "99") == every
    assert printed(tmp_path / "clip", "-n", "4", "--since", str(len(every) - 1)) == every[-1:]


def printed(run: Path, *words: str) -> list[int]:
    """The numbers of the events that ``tail`` prints."""
    result = CliRunner().invoke(tail, [str(run), *words])
    assert result.exit_code == 0
    return [json.loads(line)["seq"] for line in result.output.splitlines()]


def test_terminal_shows_position_speed_and_time_left(clip: Path, tmp_path: Path) -> None:
    """While no event comes, the heartbeats move the bar: of six seconds two are left, at twice real time one more."""
    assert run_inline(clip, "--encoder", "grid", "--out", tmp_path).returncode == 0
    (tmp_path / "clip" / "events.jsonl").write_text("")
    terminal = Terminal(100, 12)
    with LiveScreen(terminal.console()) as screen:
        followed = RunTail(tmp_path / "clip", 0, screen.view("clip"), AnnotationFilter())
        for second, decoded_s in ((0, 0.0), (2, 4.0)):
            beat = Health(time=f"2026-01-01T00:00:0{second}+00:00", state="running", decoded_s=decoded_s, windows=1)
            beat.write(tmp_path / "clip" / "health.json")
            with patch("stream.ui.run_tail.now", lambda: datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)):
                assert not followed.poll()
        screen.refresh()
        assert "66%  0:00:04 of 0:00:06, 2.0 x real time, 0:00:01 left" in terminal.lines()[-1]
        assert not followed.poll()
        screen.refresh()
        assert "0:00:04 of 0:00:06, no heartbeat for" in terminal.lines()[-1]
        followed.close()


def test_a_folder_is_its_newest_run_or_all_of_them(clip: Path, tmp_path: Path) -> None:
    """The run that was written last; a command that takes one run names it."""
    run_inline(clip, "--encoder", "grid", "--out", tmp_path)
    shutil.copytree(tmp_path / "clip", tmp_path / "other")
    os.utime(tmp_path / "clip" / "health.json")
    assert runs_in(tmp_path) == [tmp_path / "other", tmp_path / "clip"]
    assert printed(tmp_path) == printed(tmp_path / "clip")
    for command in ("annotate", "analyze"):
        result = run_here(command, tmp_path)
        assert result.returncode == ExitCode.INPUT
        assert result.stderr.endswith(f"holds 2 runs: name one, such as {tmp_path / 'clip'}\n")
