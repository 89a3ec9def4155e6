"""What the chain costs beside decoding, how fast it is, and whether its memory stays flat.

    python -m tests.tools.bench_chain cpu       CPU time a 1080p frame: decode alone, naive order, the chain
    python -m tests.tools.bench_chain motion    CPU time a frame of measuring motion, as a share of the chain's
    python -m tests.tools.bench_chain speed     the whole chain on 456x256 with the grid encoder, against real time
    python -m tests.tools.bench_chain memory    resident memory over a 3-minute and over a 60-minute source

Every figure is a ratio within one run. The machine is named; ``--json FILE`` keeps everything.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
import zmq

from models.encoders.grid import GridEncoder
from stream.bench.baseline import maps_of
from stream.bench.clips import repeat_clip
from stream.bench.figures import Figures
from stream.demo.render import render_demo
from stream.detection.options import DetectorOptions
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.pipeline.items import End, Item, Packet, UInt8
from stream.pipeline.stage import Pipeline, Stage, drive
from stream.records.schema.manifest import machine
from stream.runtime.channels import Channel, Receiver, Sender
from stream.sources.clip import Clip
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.stages.detect import Detect
from stream.stages.embed import Embed
from stream.stages.motion import MeasureMotion
from stream.stages.rectify import Rectify
from stream.video.container import read_facts
from stream.video.packets import packets
from stream.video.sampling import PUBLISHED

CHAIN_TO_DECODE_MAX = 1.35
NAIVE_TO_CHAIN_MIN = 2.5
SPEED_MIN = 20.0
MEMORY_GROWTH_MAX = 0.05


def cpu(folder: Path, seconds: float, rounds: int) -> Figures:
    """CPU milliseconds a 1080p frame, medians over interleaved rounds; all threads of the process counted."""
    cv2.setNumThreads(1)
    clip = folder / "hd.mp4"
    render_demo(clip, seconds=seconds, size=(1920, 1080))
    source = open_clip(str(clip))
    ways: dict[str, Callable[[Clip], int]] = {"decode": decode_only, "naive": naive, "chain": chain}
    cost: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            frames = way(source)
            cost[name].append((time.process_time() - began) / frames * 1000)
    ms = {name: statistics.median(values) for name, values in cost.items()}
    over = {name: ms[name] - ms["decode"] for name in ("naive", "chain")}
    return {
        "what": "CPU ms a 1080p frame",
        "mbit_s": round(source.size_bytes * 8 / seconds / 1e6, 2),
        **{f"{name}_ms": round(value, 3) for name, value in ms.items()},
        "chain_to_decode": round(ms["chain"] / ms["decode"], 3),
        "naive_to_chain": round(ms["naive"] / ms["chain"], 2),
        "naive_to_chain_beside_decode": round(over["naive"] / over["chain"], 2),
        "held": ms["chain"] / ms["decode"] <= CHAIN_TO_DECODE_MAX and ms["naive"] / ms["chain"] >= NAIVE_TO_CHAIN_MIN,
    }


def decoded(source: Clip) -> Iterator[av.VideoFrame]:
    """Frames by PyAV alone, with the threads that the chain uses."""
    codec: av.VideoCodecContext | None = None
    for packet in packets(source):
        if isinstance(packet, Packet):
            codec = packet.packet.stream.codec_context
            yield from packet.packet.decode()
        elif codec is not None:
            yield from codec.decode(None)


def decode_only(source: Clip) -> int:
    """The floor: nothing is done with a frame. Returns the number of frames, as all ways do."""
    return sum(1 for _ in decoded(source))


def naive(source: Clip) -> int:
    """The usual order: the whole frame to RGB, the whole frame rectified, then made small."""
    maps = full_size_maps(source)
    return sum(1 for frame in decoded(source) if naive_frame(frame, maps).size)


def full_size_maps(source: Clip) -> tuple[Any, Any]:
    """OpenCV's maps for the whole picture."""
    path = source.intrinsics_path()
    if path is None:
        raise FileNotFoundError(f"no calibration beside {source.file.name}")
    facts = read_facts(source)
    return maps_of(fit_camera(read_calibration(path).intrinsics, facts.width_px, facts.height_px, 0.0, 1.0))


def naive_frame(frame: av.VideoFrame, maps: tuple[Any, Any]) -> UInt8:
    """The encoder frame of one decoded frame: shortest edge 292, centre crop 256."""
    whole = cv2.remap(frame.to_ndarray(format="rgb24"), *maps, cv2.INTER_LINEAR)
    height, width = whole.shape[:2]
    small = cv2.resize(whole, (292 * width // height, 292), interpolation=cv2.INTER_AREA)
    left = (small.shape[1] - 256) // 2
    return np.asarray(small[18 : 18 + 256, left : left + 256], dtype=np.uint8)


def chain(source: Clip) -> int:
    """Decode and rectify as the chain does, frames and keyframes sent over a hop and received."""
    path = source.intrinsics_path()
    decode = Decode(source.name, read_facts(source))
    stage: Stage = Pipeline([decode, Rectify(read_calibration(path).intrinsics if path else None)])
    with tempfile.TemporaryDirectory() as folder, zmq.Context[zmq.Socket[bytes]]() as context:
        hop = Channel(f"ipc://{folder}/hop", 1 << 20, 32 << 20)
        with Receiver(context, hop) as inlet:
            receiver = threading.Thread(target=receive_all, args=(inlet,))
            receiver.start()
            with Sender(context, hop) as outlet:
                for packet in packets(source):
                    for item in stage.on_item(packet):
                        outlet.collect(item, lambda: None)
                end = decode.end("end_of_stream")
                outlet.send(end, lambda: None)
            receiver.join()
    return end.frames


def receive_all(inlet: Receiver) -> None:
    """Take everything, as the next process would."""
    while not isinstance(inlet.receive(1000), End):
        pass


def run_program(clip: Path, out: Path) -> tuple[Figures, Figures]:
    """The real program on a clip; its last event and its ``run.json``."""
    words = [sys.executable, "-m", "stream.cli", str(clip), "--encoder", "grid", "--out", str(out), "--overwrite"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    run_dir = out / clip.stem
    last: Figures = json.loads((run_dir / "events.jsonl").read_text().splitlines()[-1])
    manifest: Figures = json.loads((run_dir / "run.json").read_text())
    return last, manifest


def small_clip(folder: Path, minutes: float) -> Path:
    """A 456x256 clip of the demo's bench, of so many whole minutes, at least one."""
    short = folder / "short.mp4"
    if not short.exists():
        render_demo(short, seconds=60.0)
    clip = folder / f"bench_{minutes:g}min.mp4"
    repeat_clip(short, clip, max(1, round(minutes)))
    return clip


class TimedMotion(MeasureMotion):
    """Counts the CPU time that measuring takes."""

    cpu_s = 0.0

    def on_item(self, item: Item) -> Iterator[Item]:
        began = time.thread_time()
        passed = [*super().on_item(item)]
        self.cpu_s += time.thread_time() - began
        yield from passed


def motion(folder: Path, seconds: float, rounds: int) -> Figures:
    """CPU milliseconds a frame of the chain, from decoding to segments, and of the motion stage in it.

    Both are measured in the same rounds, so that another load of the machine counts in both; medians.
    """
    cv2.setNumThreads(1)
    figures: Figures = {"what": "CPU ms a frame of the chain in one process, grid encoder, and of measuring motion"}
    for width, height in ((456, 256), (1920, 1080)):
        clip = folder / f"motion_{height}.mp4"
        render_demo(clip, seconds=seconds, size=(width, height))
        costs = [cost_of_motion(open_clip(str(clip))) for _ in range(rounds)]
        figures[f"{width}x{height}_chain_ms"] = round(statistics.median(chain_ms for chain_ms, _ in costs), 3)
        figures[f"{width}x{height}_motion_ms"] = round(statistics.median(motion_ms for _, motion_ms in costs), 3)
        shares = [motion_ms / chain_ms for chain_ms, motion_ms in costs]
        figures[f"{width}x{height}_motion_share"] = round(statistics.median(shares), 3)
    return figures


def cost_of_motion(source: Clip) -> tuple[float, float]:
    """CPU milliseconds a frame, in memory: of decoding to detection, and of measuring motion in it."""
    path = source.intrinsics_path()
    decode, measuring = Decode(source.name, read_facts(source)), TimedMotion()
    encoder = GridEncoder(PUBLISHED.frames)
    rectify = Rectify(read_calibration(path).intrinsics if path else None, encoder_px=encoder.encoder_px)
    ends = [Embed(encoder, stride_s=1.0), Detect(DetectorOptions())]
    began = time.process_time()
    for _ in drive(Pipeline([decode, rectify, measuring, *ends]), packets(source)):
        pass
    cpu_s, frames = time.process_time() - began, decode.end("end_of_stream").frames
    return cpu_s / frames * 1000, measuring.cpu_s / frames * 1000


def speed(folder: Path) -> Figures:
    """Times real time of the whole program on a 5-minute clip, all processes, start and end included."""
    last, manifest = run_program(small_clip(folder, 5), folder / "runs")
    wall_s = manifest["usage"]["wall_s"]
    return {
        "what": "whole chain, 456x256, grid encoder",
        "decoded_s": last["decoded_s"],
        "wall_s": wall_s,
        "x_real_time": round(last["decoded_s"] / wall_s, 1),
        "cpu_ms_a_frame": {
            name: round(used["cpu_s"] / last["frames"] * 1000, 3)
            for name, used in manifest["usage"]["processes"].items()
        },
        "held": last["decoded_s"] / wall_s >= SPEED_MIN,
    }


def memory(folder: Path, minutes: float) -> Figures:
    """Largest resident memory of all processes together, over a short and over a long source."""
    peaks = {}
    for length in (3.0, minutes):
        _, manifest = run_program(small_clip(folder, length), folder / "runs")
        used = manifest["usage"]["processes"]
        peaks[length] = {name: used[name]["rss_bytes_max"] / 2**20 for name in used}
    short, long = (sum(peaks[length].values()) for length in (3.0, minutes))
    return {
        "what": f"peak resident memory, MiB, 3 and {minutes:g} minutes",
        "short_mib": round(short, 1),
        "long_mib": round(long, 1),
        "growth": round(long / short - 1, 4),
        "by_process": {name: [round(peaks[length][name], 1) for length in peaks] for name in peaks[3.0]},
        "held": long / short - 1 <= MEMORY_GROWTH_MAX,
    }


@click.command()
@click.argument("what", type=click.Choice(["cpu", "motion", "speed", "memory", "all"]), default="all")
@click.option("--seconds", default=8.0, show_default=True, help="Length of the clips of cpu and motion.")
@click.option("--rounds", default=5, show_default=True, help="Interleaved rounds of cpu and motion.")
@click.option("--minutes", default=60.0, show_default=True, help="Length of the long source.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write everything here, too.")
def main(what: str, seconds: float, rounds: int, minutes: float, json_path: Path | None) -> None:
    """Run the benchmarks of the chain; exit 1 if a limit is not held."""
    rows: list[Figures] = [{"what": "machine", **machine()}]
    with tempfile.TemporaryDirectory(prefix="egoclean-bench-") as name:
        folder = Path(name)
        if what in ("cpu", "all"):
            rows.append(cpu(folder, seconds, rounds))
        if what in ("motion", "all"):
            rows.append(motion(folder, seconds, rounds))
        if what in ("speed", "all"):
            rows.append(speed(folder))
        if what in ("memory", "all"):
            rows.append(memory(folder, minutes))
    for row in rows:
        click.echo("\n".join(f"{key:>30}  {value}" for key, value in row.items()) + "\n")
    if json_path is not None:
        json_path.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(0 if all(row.get("held", True) for row in rows) else 1)


if __name__ == "__main__":
    main()
