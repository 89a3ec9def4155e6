"""What a power cut has torn is made good; what is damaged otherwise is named, and a run may begin anew."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.records.schema import events
from tests.support.resumed import GRID, QUICK, assert_same
from tests.support.runs import run_cli, started, wait_for_event


def is_behind_a_checkpoint(event: events.Event) -> bool:
    """Whether the state of the first checkpoint must be on disk when this is told."""
    return isinstance(event, events.SegmentClosed) and event.t_end_s > 31


@pytest.fixture(scope="module")
def killed(worker_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed behind a checkpoint."""
    out = tmp_path_factory.mktemp("killed")
    with started(worker_clip, *GRID, *QUICK, "--out", out, "--queue-mib", "1") as process:
        wait_for_event(out / "clip", is_behind_a_checkpoint, process)
        process.kill()
    return out


@pytest.fixture
def out(killed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(killed, tmp_path / "out"))


def cut(path: Path, size_bytes: int) -> None:
    """Leave so many bytes of a file."""
    path.write_bytes(path.read_bytes()[:size_bytes])


def zero(path: Path, size_bytes: int) -> None:
    """The first bytes are gone, the rest is there."""
    path.write_bytes(bytes(size_bytes) + path.read_bytes()[size_bytes:])


def garble(path: Path) -> None:
    """A line in the middle is none that anybody has written."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"event":' + bytes(3) + b"\n"
    path.write_bytes(b"".join(lines))


TORN: dict[str, Callable[[Path], None]] = {
    "header alone": lambda run: cut(run / "clip_temb.npy", 128),
    "header zeroed": lambda run: zero(run / "clip_ts.npy", 128),
    "short by rows": lambda run: cut(run / "clip_emb.npy", 128 + 11 * 4096 + 77),
    "empty array": lambda run: cut(run / "clip_temb.npy", 0),
    "no array": lambda run: (run / "clip_ts.npy").unlink(),
    "torn checkpoint": lambda run: cut(run / "state" / "durable.state", 900),
    "empty checkpoint": lambda run: cut(run / "state" / "durable.state", 0),
}


@pytest.mark.parametrize("tear", TORN.values(), ids=TORN)
def test_what_a_power_cut_has_torn_is_made_good(
    worker_clip: Path, uninterrupted: Path, out: Path, tear: Callable[[Path], None]
) -> None:
    """On another boot nothing that was not durable is believed, and the end is that of the undisturbed run."""
    run_dir = out / "clip"
    tear(run_dir)
    attempt = run_dir / "state" / "attempt"
    attempt.write_text(attempt.read_text().split()[0] + " an-earlier-boot\n")
    result = run_cli(worker_clip, *GRID, *QUICK, "--out", out)
    assert (result.returncode, result.stderr) == (0, "")
    assert_same(run_dir, uninterrupted)


DAMAGED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "empty attempt": ("state/attempt", lambda run: cut(run / "state" / "attempt", 0)),
    "empty run.json": ("run.json", lambda run: cut(run / "run.json", 0)),
    "torn emb": ("clip_emb.npy", lambda run: cut(run / "clip_emb.npy", 77)),
    "short temb": ("clip_temb.npy", lambda run: cut(run / "clip_temb.npy", 4096)),
    "garbled event": ("events.jsonl", lambda run: garble(run / "events.jsonl")),
    "garbled annotations": ("clip_annotations.json", lambda run: zero(run / "clip_annotations.json", 2)),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_named(
    worker_clip: Path, uninterrupted: Path, out: Path, name: str, damage: Callable[[Path], None]
) -> None:
    """Exit 2 and one sentence, and nothing is written; --overwrite begins anew whatever lies there."""
    damage(out / "clip")
    before = (out / "clip" / "events.jsonl").read_bytes()
    result = run_cli(worker_clip, *GRID, *QUICK, "--out", out)
    assert result.returncode == 2
    assert result.stderr.startswith(f"egoclean-stream: {out / 'clip' / name} is damaged (")
    assert result.stderr.endswith("): start over with --overwrite\n")
    assert result.stderr.count("\n") == 1
    assert (out / "clip" / "events.jsonl").read_bytes() == before
    assert run_cli(worker_clip, *GRID, *QUICK, "--out", out, "--overwrite").returncode == 0
    assert_same(out / "clip", uninterrupted)
