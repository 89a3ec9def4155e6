"""What an export costs beside the video itself, and how its metadata grows.

    python -m tests.tools.bench_export metadata   seconds and memory of the LeRobot metadata of 10,000 episodes
    python -m tests.tools.bench_export cut        CPU time of ``export lerobot`` against one loop over the same clip

Every figure is a ratio within one run.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from exporters.dataset.episode import ClipFacts, Episode, EpisodeAction
from exporters.dataset.export import write_formats
from exporters.dataset.rows import Row
from exporters.dataset.store import Header, RunFacts, Store, link, open_store
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.full_frame import FullFrameRectifier
from stream.sources.table import open_clip
from stream.video.writer import Coding, VideoTiming, tags_of, video_writer
from tests.support.clips import make_clip
from tests.tools.bench_chain import decoded, run_program, small_clip

EXPORT_TO_LOOP_MAX = 1.3
METADATA_CPU_S_MAX = 30.0
GROWTH_KIB_MAX = 40.0
EPISODES, RUNS, FRAMES, FPS = 10_000, 200, 300, 30
HEADER: Final = Header(
    formats=("lerobot",), fps=FPS, picture="rectified", longest_px=None, codec="h264", crf=23.0, gop=15,
    longest_s=300.0, val_fraction=0.0, seed=0, options={"language": "columns"},
)  # fmt: skip
CODING: Final = Coding("h264", 23.0, "veryfast", gop=15, b_frames=False, reproducible=True)
"""That of ``export`` at 30 frames a second."""

Figures = dict[str, Any]


def metadata() -> Figures:
    """Two data sets, a tenth and all of the episodes, each in a process of its own."""
    tenth, whole = (_metadata_apart(count) for count in (EPISODES // 10, EPISODES))
    growth_kib = (whole["rss_kib"] - tenth["rss_kib"]) / (EPISODES - EPISODES // 10)
    return {
        "what": f"LeRobot metadata of {EPISODES} episodes of {RUNS} runs, {EPISODES * FRAMES} frames",
        "first_cpu_s": whole["first_cpu_s"],
        "again_cpu_s": whole["again_cpu_s"],
        "tenth_first_cpu_s": tenth["first_cpu_s"],
        "peak_rss_mib": round(whole["rss_kib"] / 1024, 1),
        "tenth_peak_rss_mib": round(tenth["rss_kib"] / 1024, 1),
        "growth_kib_per_episode": round(growth_kib, 1),
        "held": whole["first_cpu_s"] <= METADATA_CPU_S_MAX and growth_kib <= GROWTH_KIB_MAX,
    }


def _metadata_apart(count: int) -> Figures:
    words = [sys.executable, "-m", "tests.tools.bench_export", "write", "--episodes", str(count)]
    figures: Figures = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    return figures


def write_metadata(folder: Path, count: int) -> Figures:
    """Write the metadata of so many episodes, whose clips are links to one, twice; then the peak of this process."""
    tiny = folder / "tiny.mp4"
    make_clip(tiny, pictures=[np.zeros((64, 128, 3), np.uint8)] * 2, fps=FPS)
    with open_store(folder / "set", HEADER) as store:
        _fill(store, tiny, count)
        cpu_s = []
        for _ in range(2):
            began = time.process_time()
            write_formats(store, {})
            cpu_s.append(round(time.process_time() - began, 2))
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"first_cpu_s": cpu_s[0], "again_cpu_s": cpu_s[1], "rss_kib": peak_kib}


def _fill(store: Store, tiny: Path, count: int) -> None:
    for number in range(RUNS):
        store.put_run(
            RunFacts(
                run_id=f"{number:016x}", clip=f"clip{number}", source={"name": f"clip{number}.mp4"}, lens={},
                encoder={"model": "grid"}, annotators=(), detector={}, licence="",
            )
        )  # fmt: skip
    for first in range(0, count, EPISODES // RUNS):  # run by run, as an export adds them
        rows = [_row(number) for number in range(first, min(first + EPISODES // RUNS, count))]
        for row in rows:
            link(tiny, store.files.clip(row.episode.key))
        store.put_rows(rows)


def _row(number: int) -> Row:
    """An episode with two of 500 subtasks."""
    run, length_s = number % RUNS, FRAMES / FPS
    actions = tuple(
        EpisodeAction(
            t_start_s=part * length_s / 2,
            t_end_s=(part + 1) * length_s / 2,
            active=True,
            subtask=f"put part {(number + part) % 500} into the fixture",
        )
        for part in (0, 1)
    )
    key = f"clip{run}-s{number // RUNS:04d}"
    episode = Episode(
        key=key, run_id=f"{run:016x}", clip=f"clip{run}", segment_id=f"s{number // RUNS:04d}",
        t_start_s=number // RUNS * length_s, frames=FRAMES, fps=FPS, worker=f"worker{run}", kind="typical",
        closed_by="state_change", windows=8, score_mean=0.05, score_max=0.1, period_s=None, cycles=None,
        damaged_s=0.0, outcome="annotated", annotator="model", actions=actions,
    )  # fmt: skip
    counts = np.random.default_rng(number).integers(0, 1000, (3, 256))
    clip = ClipFacts(
        key=key, frames=FRAMES, width_px=456, height_px=256, repeated=0, dropped=0, size_bytes=1000,
        sha256=f"{number:064x}", rgb_histogram=counts.astype("<i8").tobytes(),
    )  # fmt: skip
    return Row(episode=episode, cut=clip)


def cut(folder: Path, minutes: float) -> Figures:
    """CPU seconds of the whole program ``export lerobot``, its start included, and of one loop."""
    clip = small_clip(folder, minutes)
    run_program(clip, folder / "runs")
    began = time.process_time()
    frames = one_loop(clip, folder / "loop.mp4")
    loop_s = time.process_time() - began
    before = _children_s()
    words = ["export", "lerobot", str(folder / "runs" / clip.stem), "--to", str(folder / "set"), "--workers", "1"]
    subprocess.run([sys.executable, "-m", "stream.cli", *words], check=True, stdout=subprocess.DEVNULL)
    export_s = _children_s() - before
    return {
        "what": f"export lerobot of {frames} frames of 456x256, CPU",
        "loop_s": round(loop_s, 1),
        "export_s": round(export_s, 1),
        "export_to_loop": round(export_s / loop_s, 3),
        "held": export_s / loop_s <= EXPORT_TO_LOOP_MAX,
    }


def one_loop(clip: Path, target: Path) -> int:
    """Decode, rectify and encode a clip once, with the encoder settings of ``export``; returns its frames."""
    source = open_clip(str(clip))
    calibration = source.intrinsics_path()
    if calibration is None:
        raise FileNotFoundError(f"no calibration beside {clip}")
    frames = decoded(source)
    first = next(frames)
    frame_format = frame_format_of(first)
    camera = fit_camera(read_calibration(calibration).intrinsics, *frame_format.upright_size, 0.0, 1.0)
    rectify = FullFrameRectifier(frame_format, camera, None)
    picture = rectify(first)
    timing = VideoTiming(Fraction(1, FPS), Fraction(FPS))
    with video_writer(target, CODING, (picture.width, picture.height), tags_of(first), timing) as writer:
        writer.add(picture, 0.0)
        count = 1
        for frame in frames:
            writer.add(rectify(frame), count / FPS)
            count += 1
    return count


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command()
@click.argument("what", type=click.Choice(["metadata", "cut", "write"]))
@click.option("--minutes", default=10.0, show_default=True, help="Length of the clip that is exported.")
@click.option("--episodes", default=EPISODES, show_default=True, help="Episodes of one data set: for `write`.")
def main(what: str, minutes: float, episodes: int) -> None:
    """Run a benchmark of exports; exit 1 if a limit is not held."""
    with tempfile.TemporaryDirectory(prefix="egoclean-bench-") as name:
        folder = Path(name)
        if what == "write":
            click.echo(json.dumps(write_metadata(folder, episodes)))
            return
        figures = metadata() if what == "metadata" else cut(folder, minutes)
    click.echo("\n".join(f"{key:>30}  {value}" for key, value in figures.items()))
    sys.exit(0 if figures["held"] else 1)


if __name__ == "__main__":
    main()
