"""What ``rectify`` costs beside the whole chain on the same clip, and how good its video is.

    python -m tests.tools.bench_rectify --minutes 3          456x256, as in Egocentric-100K
    python -m tests.tools.bench_rectify --clip clip.mp4      a clip with its calibration beside it

CPU seconds are those of the whole programs, their start included, in turns and in one call: the ratio counts. Decoding
and remapping are measured once more in this process; what is left of ``rectify`` is coding, and the start. The PSNR is
that of the decoded video's luma against the same frames before coding.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import click
import numpy as np

from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.full_frame import FullFrameRectifier
from stream.sources.table import open_clip
from tests.tools.bench_chain import decoded, run_program, small_clip

RECTIFY_TO_CHAIN_MAX = 1.6
_COMPARED_EVERY = 31
"""Frames: as many keyframes among them as in the video, of which each 15th frame of 30 a second is one."""

Figures = dict[str, Any]


def cost(clip: Path, folder: Path, rounds: int, words: tuple[str, ...]) -> Figures:
    """Medians of CPU seconds over rounds, in which the chain and ``rectify`` take turns."""
    chain_s, rectify_s, frames = [], [], 0
    for _ in range(rounds):
        began = _children_s()
        last, _ = run_program(clip, folder / "runs")
        middle = _children_s()
        command = ["rectify", str(clip), "--out", str(folder / "rectified"), "--overwrite", *words]
        subprocess.run([sys.executable, "-m", "stream.cli", *command], check=True, stdout=subprocess.DEVNULL)
        chain_s.append(middle - began)
        rectify_s.append(_children_s() - middle)
        frames = last["frames"]
    ratio = statistics.median(ours / chains for ours, chains in zip(rectify_s, chain_s, strict=True))
    video = folder / "rectified" / f"{clip.stem}_rectified.mp4"
    return {
        "what": f"rectify of {frames} frames, CPU, {rounds} rounds",
        "chain_ms_a_frame": round(statistics.median(chain_s) / frames * 1000, 2),
        "rectify_ms_a_frame": round(statistics.median(rectify_s) / frames * 1000, 2),
        **parts(clip, video),
        "rectify_to_chain": round(ratio, 2),
        "psnr_y_db": round(luma_psnr_db(clip, video), 2),
        "size_to_clip": round(video.stat().st_size / clip.stat().st_size, 2),
        "held": ratio <= RECTIFY_TO_CHAIN_MAX,
    }


def parts(clip: Path, video: Path) -> Figures:
    """CPU milliseconds a frame of decoding, with all its threads, and of remapping to the size of the video."""
    source, rectify, remap_s, frames = open_clip(str(clip)), None, 0.0, 0
    began = time.process_time()
    for frame in decoded(source):
        rectify = rectify or rectifier_of(clip, frame, video)
        remap_began = time.thread_time()
        rectify(frame)
        remap_s += time.thread_time() - remap_began
        frames += 1
    decode_s = time.process_time() - began - remap_s
    return {f"{name}_ms_a_frame": round(s / frames * 1000, 2) for name, s in (("decode", decode_s), ("remap", remap_s))}


def rectifier_of(clip: Path, frame: av.VideoFrame, video: Path) -> FullFrameRectifier:
    """What makes the pictures of a rectified video, from frames like this one."""
    calibration = open_clip(str(clip)).intrinsics_path()
    if calibration is None:
        raise FileNotFoundError(f"no calibration beside {clip}")
    with av.open(str(video)) as container:
        coded = container.streams.video[0]
        longest_px = max(coded.width, coded.height)
    frame_format = frame_format_of(frame)
    camera = fit_camera(read_calibration(calibration).intrinsics, *frame_format.upright_size)
    return FullFrameRectifier(frame_format, camera, longest_px)


def luma_psnr_db(clip: Path, video: Path) -> float:
    """The rectified video against its frames before coding, about one a second, in dB."""
    source, rectify, errors = open_clip(str(clip)), None, []
    with av.open(str(video)) as container:
        for number, (frame, coded) in enumerate(zip(decoded(source), container.decode(video=0), strict=True)):
            if number % _COMPARED_EVERY:
                continue
            rectify = rectify or rectifier_of(clip, frame, video)
            one, other = (each.to_ndarray(format="gray").astype(np.float64) for each in (rectify(frame), coded))
            errors.append(float(np.mean((one - other) ** 2)))
    return float(10 * np.log10(255**2 / np.mean(errors)))


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command()
@click.option("--clip", type=click.Path(path_type=Path, exists=True), help="Default: a rendered one of 456x256.")
@click.option("--minutes", default=3.0, show_default=True, help="Length of the rendered clip.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--words", default="", help="Further options of rectify.")
def main(clip: Path | None, minutes: float, rounds: int, words: str) -> None:
    """Compare rectify with the chain; exit 1 if the limit is not held."""
    with tempfile.TemporaryDirectory(prefix="egoclean-bench-") as name:
        folder = Path(name)
        figures = cost(clip or small_clip(folder, minutes), folder, rounds, tuple(words.split()))
    click.echo("\n".join(f"{key:>20}  {value}" for key, value in figures.items()))
    sys.exit(0 if figures["held"] else 1)


if __name__ == "__main__":
    main()
