"""Nine short clips of one worker, rendered: with a warm start only the odd stretch in one of them is anomalous."""

from pathlib import Path
from typing import Final

from stream.demo.lens import Lens, demo_intrinsics
from stream.demo.motion import Script
from stream.demo.scene import Scene
from stream.pipeline.items import UInt8
from stream.records import open_run
from tests.support.clips import make_clip
from tests.support.inline import run_inline

FPS: Final = 4
WIDTH_PX: Final = 152
HEIGHT_PX: Final = 88
LENGTHS_S: Final = (20, 14, 12, 25, 10, 12, 30, 11, 15)
ODD: Final = 3
"""The clip in which the worker leaves the bench, after this many seconds."""
LEAVES_S: Final = 6
RUN: Final = ("--encoder", "grid", "--no-rectify", "--window", "16@8", "--warm-start", "previous")


def render(seconds: float) -> tuple[list[UInt8], list[UInt8]]:
    """Pictures of so many seconds of work, and of the whole time away from the bench that follows it."""
    script = Script(75.0, FPS, seed=0)
    lens = Lens(demo_intrinsics(WIDTH_PX, HEIGHT_PX), seed=0)
    scene = Scene(lens.canvas, seed=0)
    leaves_s, back_s = script.away or (0.0, 0.0)
    pictures = []
    for index in range(round((leaves_s - seconds) * FPS), round(back_s * FPS)):
        now = script.at(index / FPS)
        scene.paint(now)
        pictures.append(lens.expose(now.turning))
    return pictures[: round(seconds * FPS)], pictures[round(seconds * FPS) :]


def write_clips(folder: Path) -> float:
    """Write the clips, each of the same work from another moment on; returns the seconds away in the odd one."""
    folder.mkdir()
    work, away = render(20)
    for number, length_s in enumerate(LENGTHS_S):
        pictures = [work[(7 * number + index) % len(work)] for index in range(length_s * FPS)]
        if number == ODD:
            pictures[LEAVES_S * FPS : LEAVES_S * FPS + len(away)] = away
        make_clip(
            folder / f"clip{number}.mp4",
            width_px=WIDTH_PX,
            height_px=HEIGHT_PX,
            fps=FPS,
            frames=len(pictures),
            pictures=pictures,
        )
    return len(away) / FPS


def test_the_odd_one_of_nine_rendered_clips_is_found(tmp_path: Path) -> None:
    """The first clips end in the warm-up and say so; of the rest only the time away from the bench is anomalous."""
    away_s = write_clips(tmp_path / "worker")
    result = run_inline(tmp_path / "worker", *RUN, "--out", tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    runs = [open_run(tmp_path / "runs" / f"clip{number}").segments() for number in range(len(LENGTHS_S))]
    ((number, odd),) = [(number, each) for number, run in enumerate(runs) for each in run if each.kind == "anomalous"]
    assert number == ODD
    assert abs(odd.t_start_s - LEAVES_S) <= 2
    assert abs(odd.t_end_s - (LEAVES_S + away_s)) <= 2
    assert {each.kind for run in runs[:2] for each in run} == {"unknown"}
    assert all(run[0].judged_from_s is not None for run in runs[ODD:])
