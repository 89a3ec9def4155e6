"""What a power cut has torn is repaired; other damage is named, and --overwrite starts the run over."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from stream.records.schema import events
from stream.records.store.event_log import EventLog
from stream.stages import checkpoints
from tests.support.clips import make_clip, texture
from tests.support.inline import run_inline
from tests.support.resumed import GRID, assert_same, story
from tests.support.runs import write_intrinsics

pytestmark = pytest.mark.slow

FPS = 8
CHECKPOINT_S = 5.0
"""Stream time between two checkpoints here."""
LAST_CHECKPOINT_S = 10
"""Time of the last checkpoint before the run is killed."""
OPTIONS = (
    *GRID, "--window", "16@8", "--detector-warmup-s", "5", "--detector-settle-windows", "0",
    "--detector-sure-windows", "0", "--detector-max-segment-s", "12",
)  # fmt: skip
"""Options with which the clip has segments of both kinds."""


@pytest.fixture(scope="module", autouse=True)
def _frequent_checkpoints() -> Iterator[None]:
    """A checkpoint is durable every few seconds, so that a short clip has one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "CHECKPOINT_S", CHECKPOINT_S)
        yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nineteen seconds of work that repeats every second, with other work from 10 s to 15 s, and their calibration."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    usual, other = texture(FPS, 128, 96), texture(5 * FPS, 128, 96, seed=5)
    pictures = [*usual * 10, *other, *usual * 4]
    return make_clip(folder / "clip.mp4", pictures=pictures, fps=FPS, key_every=2 * FPS, b_frames=3, x265="open-gop=1")


@pytest.fixture(scope="module")
def runs(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Output folders of one run: as it was after a checkpoint, as ``kill -9`` would leave it, and at its end."""
    killed, whole = tmp_path_factory.mktemp("runs") / "killed", tmp_path_factory.mktemp("whole")
    append = EventLog.append

    def appends(log: EventLog, event: events.Event) -> events.Event:
        appended = append(log, event)
        if isinstance(event, events.SegmentOpened) and event.kind == "anomalous":
            shutil.copytree(whole, killed)
        return appended

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventLog, "append", appends)
        assert run_inline(clip, *OPTIONS, "--out", whole).returncode == 0
    return killed, whole


@pytest.fixture
def out(runs: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the killed one, to be damaged."""
    return Path(shutil.copytree(runs[0], tmp_path / "out"))


@pytest.fixture
def uninterrupted(runs: tuple[Path, Path]) -> Path:
    """The run directory of the whole run."""
    return runs[1] / "clip"


def test_the_killed_run_is_past_a_checkpoint(out: Path, uninterrupted: Path) -> None:
    """It has a durable checkpoint and rows that this does not cover; an anomaly has begun."""
    assert (out / "clip" / "state" / "durable.state").stat().st_size > 900
    rows = [len(np.load(run / "clip_ts.npy")) for run in (out / "clip", uninterrupted)]
    assert LAST_CHECKPOINT_S < rows[0] < rows[1] == 18
    last_event = story(out / "clip")[-1]
    assert (last_event["event"], last_event["kind"]) == ("segment.opened", "anomalous")
    assert len(story(out / "clip")) < len(story(uninterrupted))


def cut(path: Path, size_bytes: int) -> None:
    """Leave so many bytes of a file."""
    path.write_bytes(path.read_bytes()[:size_bytes])


def zero(path: Path, size_bytes: int) -> None:
    """Overwrite the first bytes of a file with zeros."""
    path.write_bytes(bytes(size_bytes) + path.read_bytes()[size_bytes:])


def garble(path: Path) -> None:
    """Put a line in the middle that no run has written."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"event":' + bytes(3) + b"\n"
    path.write_bytes(b"".join(lines))


TORN: dict[str, Callable[[Path], None]] = {
    "header alone": lambda run: cut(run / "clip_temb.npy", 128),
    "header zeroed": lambda run: zero(run / "clip_ts.npy", 128),
    "short by rows": lambda run: cut(run / "clip_emb.npy", 128 + 5 * 4096 + 77),
    "empty array": lambda run: cut(run / "clip_temb.npy", 0),
    "no array": lambda run: (run / "clip_ts.npy").unlink(),
    "torn checkpoint": lambda run: cut(run / "state" / "durable.state", 900),
    "empty checkpoint": lambda run: cut(run / "state" / "durable.state", 0),
}


@pytest.mark.parametrize("tear", TORN.values(), ids=TORN)
def test_what_a_power_cut_has_torn_is_repaired(
    clip: Path, uninterrupted: Path, out: Path, tear: Callable[[Path], None]
) -> None:
    """After another boot only what was durable is used, and the run ends like the undisturbed one."""
    run_dir = out / "clip"
    tear(run_dir)
    attempt = run_dir / "state" / "attempt"
    attempt.write_text(attempt.read_text().split()[0] + " an-earlier-boot\n")
    result = run_inline(clip, *OPTIONS, "--out", out)
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
    clip: Path, uninterrupted: Path, out: Path, name: str, damage: Callable[[Path], None]
) -> None:
    """Exit 2 and one sentence, and nothing is written; --overwrite starts over, with any content."""
    damage(out / "clip")
    before = (out / "clip" / "events.jsonl").read_bytes()
    result = run_inline(clip, *OPTIONS, "--out", out)
    assert result.returncode == 2
    assert result.stderr.startswith(f"egoclean-stream: {out / 'clip' / name} is damaged (")
    assert result.stderr.endswith("): run its clip again with --overwrite\n")
    assert result.stderr.count("\n") == 1
    assert (out / "clip" / "events.jsonl").read_bytes() == before
    assert run_inline(clip, *OPTIONS, "--out", out, "--overwrite").returncode == 0
    assert_same(out / "clip", uninterrupted)
