"""``tail`` on the records of a whole run."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from stream.commands.tail import Pace, tail
from stream.records.schema.health import Health
from stream.ui.view import LiveView
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import write_intrinsics


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
    screen = io.StringIO()
    view = LiveView(Console(file=screen, force_terminal=True, width=120))
    pace = Pace(tmp_path / "clip", view)
    for second, decoded_s in ((0, 0.0), (2, 4.0)):
        beat = Health(time=f"2026-01-01T00:00:0{second}+00:00", state="running", decoded_s=decoded_s, windows=1)
        beat.write(tmp_path / "clip" / "health.json")
        pace.wait()
    view.close()
    assert "0:00:04.0  2.0 x real time, 0:00:01.0 left" in screen.getvalue()
