"""Precision and recall of idle seconds, on clips that are rendered for it, with their truth, for each encoder.

    python -m tests.tools.eval_activity             all conditions
    python -m tests.tools.eval_activity noise       one of them

Each clip shows the demo's bench from a moving head: work, resting hands, hands out of the picture, a walk, a frozen
picture, and a look around. Idle are resting hands, absent hands and the frozen picture. Motion is measured on the
encoder's frames, so each clip is measured once for each of their sizes. ``--clip FILE`` prints the idle stretches of
any clip instead.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import click
import numpy as np

from models.encoders.encoder import ENCODER_PX, FRAMES
from models.encoders.table import encoder_spec
from stream.demo.lens import Lens, demo_intrinsics
from stream.demo.motion import Hand, Instant, Script
from stream.demo.raster import Pose, at
from stream.demo.scene import Scene
from stream.detection.activity import ActivityLevel, ActivityTracker
from stream.detection.options import DetectorOptions
from stream.pipeline.items import Motion, UInt8
from stream.pipeline.stage import Pipeline, drive
from stream.sources.table import open_source
from stream.stages.decode import Decode
from stream.stages.motion import MeasureMotion
from stream.stages.rectify import Rectify
from stream.video.container import read_facts
from stream.video.packets import packets

PLAN: Final = (
    ("work", 12), ("rest", 12), ("work", 8), ("absent", 12), ("walk", 10), ("work", 8), ("frozen", 10), ("look", 10),
    ("work", 6),
)  # fmt: skip
"""What is seen, and for how many seconds."""
IDLE: Final = frozenset({"rest", "absent", "frozen"})
FRAMES_PX: Final = {"grid": encoder_spec("grid").profile(None, FRAMES).encoder_px, "vjepa2": ENCODER_PX}
"""Side of the encoder frames of each encoder, with its default weights, pixels."""
_STEP_S: Final = 0.1
_LOWERED: Final = at(0.0, -0.35, -0.25)
"""Hands out of the picture."""
_TURN_S: Final = 1.4


@dataclass(frozen=True)
class Condition:
    """How a clip is recorded."""

    fps: int = 30
    size: tuple[int, int] = (456, 256)
    crf: int = 24
    noise: float = 0.0
    """Standard deviation, grey levels, beside the demo's own 2.2."""
    flicker: float = 0.0
    """Amplitude of the exposure's flicker at 1.7 Hz, as a share."""


CONDITIONS: Final = {
    "plain": Condition(),
    "noise": Condition(noise=10.0, flicker=0.06),
    "compressed": Condition(crf=34),
    "slow": Condition(fps=4),
    "large": Condition(fps=10, size=(1920, 1080)),
}


def frames(condition: Condition, seed: int) -> Iterator[UInt8]:
    """Yield the frames of the plan."""
    script, walk = Script(600.0, condition.fps, seed), Script(300.0, condition.fps, seed)
    script.away = None
    lens = Lens(demo_intrinsics(*condition.size), seed)
    scene, rng = Scene(lens.canvas, seed), np.random.default_rng(seed)
    worked = shown = 0
    picture: UInt8 | None = None
    for kind, seconds in PLAN:
        count = round(seconds * condition.fps)
        for index in range(count):
            worked += kind == "work"
            edge_s = min(index, count - index) / condition.fps
            if picture is None or kind != "frozen":
                scene.paint(_instant(kind, script, walk, worked / condition.fps, shown / condition.fps, edge_s))
                picture = lens.expose(0.0)
            gain = 1 + condition.flicker * np.sin(2 * np.pi * 1.7 * shown / condition.fps)
            shown += 1
            yield np.clip(picture * gain + rng.normal(0, condition.noise, picture.shape), 0, 255).astype(np.uint8)


def _instant(kind: str, script: Script, walk: Script, worked_s: float, t_s: float, edge_s: float) -> Instant:
    """The scene ``edge_s`` seconds from the nearest end of its part of the plan; the head never rests."""
    now = replace(script.at(worked_s), head=script.head_pose(t_s, 0.0))
    if kind == "absent":
        return _lowered(now, min(1.0, edge_s))
    if kind == "walk" and walk.away is not None:
        gone = walk.away_share(walk.away[0] + min(_TURN_S, edge_s))
        return _lowered(replace(now, head=script.head_pose(t_s, gone)), gone)
    if kind == "look":
        position, yaw, pitch, roll = now.head
        return replace(now, head=Pose(position, yaw + 0.5 * float(np.sin(0.4 * np.pi * edge_s)), pitch, roll))
    return now


def _lowered(now: Instant, share: float) -> Instant:
    right, left = (Hand(hand.wrist + share * _LOWERED, hand.grip) for hand in (now.right, now.left))
    return replace(now, right=right, left=left)


def write_clip(path: Path, condition: Condition, seed: int) -> None:
    """Write the clip as H.265."""
    with av.open(path, "w") as container:
        settings = {"preset": "ultrafast", "crf": str(condition.crf), "x265-params": "log-level=error:keyint=60"}
        stream = container.add_stream("libx265", rate=condition.fps, options=settings)
        stream.width, stream.height = condition.size
        stream.pix_fmt = "yuv420p"
        for index, rgb in enumerate(frames(condition, seed)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, condition.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def activity_of(path: Path, encoder_px: int) -> tuple[ActivityLevel, float]:
    """The activity of a clip without rectification, and its length in seconds; ``encoder_px`` as in ``Rectify``."""
    source = open_source(str(path))
    decode = Decode(source.name, read_facts(source))
    tracker = ActivityTracker(DetectorOptions())
    end_s = 0.0
    for item in drive(Pipeline([decode, Rectify(None, encoder_px=encoder_px), MeasureMotion()]), packets(source)):
        if isinstance(item, Motion):
            tracker.add(item)
            end_s = item.t_end_s
    return tracker.level(0.0, end_s), end_s


def agreement(level: ActivityLevel, end_s: float) -> dict[str, float]:
    """Seconds that are idle, that are called idle, and both."""
    t_s = np.arange(_STEP_S / 2, end_s, _STEP_S)
    edges_s = np.cumsum([0, *(seconds for _, seconds in PLAN)])
    kinds = [PLAN[int(np.searchsorted(edges_s, each, side="right")) - 1][0] for each in t_s]
    truth = np.array([kind in IDLE for kind in kinds])
    found = np.array([any(span.t_start_s <= each < span.t_end_s for span in level.idle) for each in t_s])
    return {
        "truth_s": _STEP_S * truth.sum(),
        "found_s": _STEP_S * found.sum(),
        "both_s": _STEP_S * (truth & found).sum(),
    }


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice(list(CONDITIONS)))
@click.option("--seed", default=0, show_default=True)
@click.option("--clip", type=click.Path(path_type=Path, exists=True), help="Any clip.")
def main(names: tuple[str, ...], seed: int, clip: Path | None) -> None:
    if clip is not None:
        for encoder, side_px in FRAMES_PX.items():
            level, end_s = activity_of(clip, side_px)
            spans = ", ".join(f"{span.t_start_s:.1f} to {span.t_end_s:.1f}" for span in level.idle) or "none"
            click.echo(
                f"{encoder}: {end_s:.1f} s, activity {level.moving_share}, head {level.head_widths_s}, idle: {spans}"
            )
        return
    click.echo(f"{'condition':12} {'encoder':8} {'idle s':>7} {'found s':>8} {'precision':>10} {'recall':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names or CONDITIONS:
            path = Path(folder) / f"{name}.mkv"
            write_clip(path, CONDITIONS[name], seed)
            for encoder, side_px in FRAMES_PX.items():
                seconds = agreement(*activity_of(path, side_px))
                click.echo(f"{name:12} {encoder:8} {_row(seconds)}")


def _row(seconds: dict[str, float]) -> str:
    precision = seconds["both_s"] / seconds["found_s"] if seconds["found_s"] else 1.0
    recall = seconds["both_s"] / seconds["truth_s"]
    return f"{seconds['truth_s']:7.1f} {seconds['found_s']:8.1f} {precision:10.2f} {recall:7.2f}"


if __name__ == "__main__":
    main()
