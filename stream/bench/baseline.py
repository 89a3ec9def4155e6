"""The usual way, one step after the other, to compare the chain with.

    python -m stream.bench.baseline CLIP MODEL

Every frame becomes RGB at full size and is rectified at full size; each window of frames goes by itself through
transformers' video processor and the whole model, predictor included. One process; the result is one line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import psutil

from models.encoder import FRAMES, Float32, UInt8
from models.packages import make_torchvision_importable, require_packages
from models.vjepa2.encoder import PACKAGES
from stream.bench.chain import decoded, full_size_maps
from stream.video.container import read_facts
from stream.video.sources.source import Source, open_source

RATE_FPS = 30.0


def run_baseline(clip: str, model: Path, stride_s: float, embeddings: Path) -> dict[str, Any]:
    """Run it in a process of its own; returns its figures, and leaves the windows' mean embeddings in a file.

    Raises:
        subprocess.CalledProcessError: if it fails; what it said is on standard error.
        ModelUnavailableError: a package is missing.
    """
    require_packages((*PACKAGES, "torchvision"), extra="qwen")
    words = [clip, str(model), "--stride-s", str(stride_s), "--embeddings", str(embeddings)]
    command = [sys.executable, "-m", "stream.bench.baseline", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


class WholeModel:
    """transformers' own way from full-size frames to tokens."""

    def __init__(self, folder: Path) -> None:
        make_torchvision_importable()
        import torch
        from transformers import VJEPA2Model, VJEPA2VideoProcessor
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
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
        """(T, H, W, 3) uint8 to (D,) float32, the mean over all tokens."""
        import torch

        with torch.inference_mode():
            pixels = self._processor(frames, return_tensors="pt")["pixel_values_videos"]
            tokens = self._model(pixel_values_videos=pixels.to(self._device, self._dtype)).last_hidden_state[0]
            mean: Float32 = tokens.float().mean(dim=0).cpu().numpy()
        return mean


def windows(source: Source, stride_s: float) -> Iterator[UInt8]:
    """(64, height, width, 3) uint8 every stride, of consecutive rectified frames at full size."""
    maps = full_size_maps(source)
    stride = round(stride_s * (read_facts(source).fps or RATE_FPS))
    held: deque[UInt8] = deque(maxlen=FRAMES)
    for number, frame in enumerate(decoded(source), start=1):
        held.append(np.asarray(cv2.remap(frame.to_ndarray(format="rgb24"), *maps, cv2.INTER_LINEAR), np.uint8))
        if number >= FRAMES and (number - FRAMES) % stride == 0:
            yield np.stack(held)


@click.command()
@click.argument("clip")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--stride-s", default=1.0, show_default=True)
@click.option("--embeddings", type=click.Path(path_type=Path), required=True)
def main(clip: str, model: Path, stride_s: float, embeddings: Path) -> None:
    """Embed CLIP the usual way with the MODEL in a folder."""
    started_at = time.monotonic()
    whole, source = WholeModel(model), open_source(clip)
    ready_at = time.monotonic()
    means, model_s = [], 0.0
    for frames in windows(source, stride_s):
        began_at = time.monotonic()
        means.append(whole(frames))
        model_s += time.monotonic() - began_at
    flowing_s = time.monotonic() - ready_at
    np.save(embeddings, np.stack(means) if means else np.zeros((0, 0), np.float32))
    figures = {
        "windows": len(means),
        "start_s": round(ready_at - started_at, 3),
        "flowing_s": round(flowing_s, 3),
        "of_it_processor_and_model_s": round(model_s, 3),
        "cpu_s": round(time.process_time(), 3),
        "rss_bytes_max": psutil.Process(os.getpid()).memory_info().rss,
    }
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
