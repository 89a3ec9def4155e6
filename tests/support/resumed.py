"""Compares an interrupted run with an undisturbed one."""

from pathlib import Path

from stream.records.store.event_log import read_events
from tests.support.clips import make_clip, texture
from tests.support.facts import without
from tests.support.runs import write_intrinsics

GRID = ("--encoder", "grid")
QUICK = (
    "--detector-warmup-s", "8", "--detector-settle-windows", "0", "--detector-sure-windows", "0",
    "--detector-max-segment-s", "12",
)  # fmt: skip
"""Detector options with which a short clip has segments of both kinds."""


def make_worker_clip(folder: Path, seconds: int = 60) -> Path:
    """A clip of one moving texture, with a still one from 30 s to 38 s, and its calibration; a minute at most."""
    write_intrinsics(folder)
    usual, other = texture(64, 128, 96), 240 * texture(1, 128, 96, seed=5)
    pictures = [usual[number % 64] for number in range(900)] + other + [usual[number % 64] for number in range(660)]
    return make_clip(
        folder / "clip.mp4", pictures=pictures[: seconds * 30], key_every=60, b_frames=3, x265="open-gop=1"
    )


def story(run_dir: Path) -> list[dict[str, object]]:
    """All that the chain told, times of day and numbers aside."""
    apart = {"seq", "time", "wall_s", "run_id"}
    about_the_run = {"run.started", "run.resumed", "run.failed", "stage.restarted"}
    return [
        without(event, *apart) for event in read_events(run_dir / "events.jsonl") if event.event not in about_the_run
    ]


def assert_same(run_dir: Path, uninterrupted: Path) -> None:
    """Byte for byte the same arrays, keyframes and annotations, the same events in order, numbered without a hole."""
    assert (run_dir / "clip_annotations.json").read_bytes() == (uninterrupted / "clip_annotations.json").read_bytes()
    for kind in ("emb", "temb", "ts"):
        assert (run_dir / f"clip_{kind}.npy").read_bytes() == (uninterrupted / f"clip_{kind}.npy").read_bytes()
    frames = [
        {path.name: path.read_bytes() for path in (root / "keyframes").iterdir()} for root in (run_dir, uninterrupted)
    ]
    assert frames[0] == frames[1]
    assert story(run_dir) == story(uninterrupted)
    numbers = [event.seq for event in read_events(run_dir / "events.jsonl")]
    assert numbers == list(range(len(numbers)))
