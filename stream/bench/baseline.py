"""The sequential baseline that the chain is compared with.

    python -m stream.bench.baseline CLIP MODEL --embeddings FILE

Each frame is converted to RGB and rectified at full size. The windows are those of the chain; each passes by itself
through the video processor of transformers and the whole model, including the predictor. All of it is one process,
which prints one line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import psutil

from models.encoders.cpu_store import Done
from models.encoders.encoder import Float32, UInt8
from models.encoders.vjepa2.encoder import PACKAGES
from models.packages import make_torchvision_importable, require_packages
from stream.config import Options, validate
from stream.errors import EgocleanError
from stream.geometry.calibrations.chosen import chosen_calibration
from stream.geometry.camera import Camera, fit_camera
from stream.pipeline.items import EncoderFrame, Picture
from stream.sources.clip import Clip
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.stages.sampler import FrameSampler
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from stream.video.packets import packets
from stream.video.picture import upright_deg


def run_baseline(options: Options, embeddings: Path) -> dict[str, Any]:
    """Run the baseline in a process of its own and return its figures; ``embeddings`` receives the mean of each window.

    Raises:
        EgocleanError: it fails; its messages are on standard error.
        ModelUnavailableError: a package is missing.
    """
    require_packages((*PACKAGES, "torchvision"), extra="qwen")
    command = [sys.executable, "-m", "stream.bench.baseline", *arguments(options, embeddings)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise EgocleanError(f"the sequential baseline for {options.source} ended with exit status {done.returncode}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def arguments(options: Options, embeddings: Path) -> list[str]:
    """The command line for the options of a prepared run."""
    lens, chosen = options.lens, ["--no-rectify"]
    if lens.rectify:
        chosen = ["--lens", lens.preset] if lens.preset else ["--intrinsics", str(lens.intrinsics)]
    values = {
        "--new-camera": options.lens.new_camera or "exact",
        "--balance": options.lens.balance,
        "--fov-scale": options.lens.fov_scale,
        "--window": options.window.preset,
        "--stride-s": options.window.stride_s,
        "--embeddings": embeddings,
    }
    named = [str(word) for pair in values.items() for word in pair]
    return [options.source, str(options.encoder.model), *chosen, *named]


class WholeModel:
    """The model of transformers with its own preprocessing, from full-size frames to tokens."""

    def __init__(self, folder: Path) -> None:
        make_torchvision_importable()
        import torch
        from transformers import VJEPA2Model, VJEPA2VideoProcessor
        from transformers.utils import logging

        logging.disable_progress_bar()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._dtype = torch.float16 if self._device == "cuda" else torch.float32
        loaded: Any = VJEPA2Model.from_pretrained(folder, local_files_only=True, dtype=self._dtype)
        self._model = loaded.to(self._device).eval()
        has_settings = (folder / "video_preprocessor_config.json").is_file()
        self._processor: Any = (
            VJEPA2VideoProcessor.from_pretrained(folder)
            if has_settings
            else VJEPA2VideoProcessor(crop_size=loaded.config.crop_size)
        )

    def __call__(self, frames: UInt8) -> Float32:
        """Encode (T, H, W, 3) uint8 to (D,) float32, the mean over all tokens."""
        import torch

        with torch.inference_mode():
            pixels = self._processor(frames, return_tensors="pt")["pixel_values_videos"]
            tokens = self._model(pixel_values_videos=pixels.to(self._device, self._dtype)).last_hidden_state[0]
            mean: Float32 = tokens.float().mean(dim=0).cpu().numpy()
        return mean


class Frames:
    """A frame store for ``FrameSampler`` that holds full-size frames by slot."""

    def __init__(self) -> None:
        self._slots = count()
        self.frames: dict[int, UInt8] = {}

    def put(self, frame: UInt8) -> int:
        self.frames[slot := next(self._slots)] = frame
        return slot

    def drop(self, slot: int) -> None:
        del self.frames[slot]

    def encode(self, _windows: object) -> Done:
        """Encodes nothing, because the model takes frames instead of slots."""
        return Done(())


def rectifier(facts: StreamFacts, options: Options) -> Callable[[UInt8], UInt8]:
    """A function that rectifies a full-size upright frame; without a calibration it returns the frame unchanged."""
    lens, size = options.lens, (facts.display_width_px, facts.display_height_px)
    calibration = chosen_calibration(lens.preset, lens.intrinsics, None, size) if lens.rectify else None
    if calibration is None:
        return lambda frame: frame
    maps = maps_of(fit_camera(calibration.intrinsics, *size, lens.balance, lens.fov_scale, lens.new_camera))
    return lambda frame: np.asarray(cv2.remap(frame, *maps, cv2.INTER_LINEAR), np.uint8)


def maps_of(camera: Camera) -> tuple[Any, Any]:
    """The maps of OpenCV for the whole upright picture of a camera."""
    x, y, _ = camera.locate(camera.new_k, camera.width, camera.height)
    return cv2.convertMaps(x, y, cv2.CV_16SC2)


def windows(source: Clip, options: Options) -> Iterator[UInt8]:
    """The windows of the chain, (T, height, width, 3) uint8, with rectified frames at full size."""
    facts, store = read_facts(source), Frames()
    sampler = FrameSampler(options.sampling, options.window.stride_s, store)
    rectified = rectifier(facts, options)
    for picture in pictures(source, facts):
        rgb = np.rot90(picture.frame.to_ndarray(format="rgb24"), upright_deg(picture.frame) // 90)
        frame = EncoderFrame(picture.index, picture.t_s, picture.duration_s, rectified(np.ascontiguousarray(rgb)))
        for window in sampler.add(frame):
            if window.whole:
                yield np.stack([store.frames[frame.slot] for frame in window.frames])
        sampler.forget()


def pictures(source: Clip, facts: StreamFacts) -> Iterator[Picture]:
    """All pictures that can be decoded, with the timestamps of the chain."""
    decode = Decode(source.name, facts)
    for packet in packets(source):
        yield from (item for item in decode.on_item(packet) if isinstance(item, Picture))
    yield from (item for item in decode.on_end() if isinstance(item, Picture))


@click.command()
@click.argument("clip")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--intrinsics", type=click.Path(path_type=Path), help="Calibration.  [default: as for run]")
@click.option("--rectify/--no-rectify", default=True, show_default=True)
@click.option("--lens", "preset", help="Approximate lens.")
@click.option("--new-camera", default="exact", show_default=True)
@click.option("--balance", default=0.0, show_default=True)
@click.option("--fov-scale", default=1.0, show_default=True)
@click.option("--window", default="64@30", show_default=True)
@click.option("--stride-s", default=1.0, show_default=True)
@click.option("--embeddings", type=click.Path(path_type=Path), required=True)
def main(clip: str, model: Path, embeddings: Path, **settings: Any) -> None:  # noqa: ANN401 - click's
    """Embed CLIP sequentially with the MODEL in a folder; the options are those of run."""
    started_at = time.monotonic()
    source, model_alone = open_clip(clip), WholeModel(model)
    lens = {name: settings[name] for name in ("intrinsics", "preset", "rectify", "balance", "fov_scale", "new_camera")}
    window = {"preset": settings["window"], "stride_s": settings["stride_s"]}
    options = validate({"source": clip, "lens": lens, "window": window})
    if options.lens.rectify and options.lens.intrinsics is None and options.lens.preset is None:
        options = options.replace({"lens.intrinsics": source.intrinsics_path()})
    ready_at, ready_cpu_s = time.monotonic(), time.process_time()
    means, model_s = [], 0.0
    for frames in windows(source, options):
        began_at = time.monotonic()
        means.append(model_alone(frames))
        model_s += time.monotonic() - began_at
    flowing_s = time.monotonic() - ready_at
    np.save(embeddings, np.stack(means) if means else np.zeros((0, 0), np.float32))
    figures = {
        "windows": len(means),
        "start_s": round(ready_at - started_at, 3),
        "flowing_s": round(flowing_s, 3),
        "of_it_processor_and_model_s": round(model_s, 3),
        "cpu_s": round(time.process_time(), 3),
        "starting_cpu_s": round(ready_cpu_s, 3),
        "rss_bytes_max": psutil.Process(os.getpid()).memory_info().rss,
    }
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
