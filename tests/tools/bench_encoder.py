"""What a window costs V-JEPA 2 here, and what it costs the plain way.

    python -m tests.tools.bench_encoder                        small random weights, windows of 64 frames
    python -m tests.tools.bench_encoder --random vitl --windows 1
    python -m tests.tools.bench_encoder --model DIR            real weights
    python -m tests.tools.bench_encoder --windows 10000        whether its memory stays flat

The plain way: each window by itself through transformers' video processor and the whole model, predictor included.
This way: the window's new frames go into the store, and the window is encoded from there. Both see the same 1080p
pictures, whose frames are cut beforehand, as the chain's first process does; they take turns, and the ratio is that of
medians. Of many windows only the first go the plain way; of more than 100 the memory is told, after the first tenth of
them, or the first 100, and at the end. The machine is named; ``--json FILE`` keeps everything.
"""

import json
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import av
import click
import numpy as np

from models.encoders.encoder import Float32, UInt8
from models.encoders.spec import RandomSize
from models.encoders.vjepa2.encoder import Precision, VJepa2Encoder
from models.encoders.vjepa2.random_weights import save_random_vjepa2
from models.packages import make_torchvision_importable
from stream.bench.figures import Figures
from stream.demo.render import render_frames
from stream.geometry.frame_format import frame_format_of
from stream.geometry.frame_remap import FrameRemap
from stream.records.schema.manifest import machine
from stream.video.sampling import PUBLISHED
from tests.tools.memory import growth, memory_bytes

_SIZES: dict[str, RandomSize] = {"small": "random-small", "vitl": "random"}
_SIZE = 1920, 1080
_STRIDE = round(PUBLISHED.rate_fps)
PLAIN_MAX = 20
"""Windows that go the plain way, at most."""
_SETTLED_AFTER = 100
"""Windows, at least, before the memory is looked at: allocators grow until they have seen everything once."""


class PlainWay:
    """transformers' own: pictures in, mean of all tokens out."""

    def __init__(self, folder: Path, encoder: VJepa2Encoder) -> None:
        """On the device and in the precision of ``encoder``."""
        make_torchvision_importable()
        import torch
        from transformers import VJEPA2Model, VJEPA2VideoProcessor

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._to = (device, getattr(torch, str(encoder.facts()["dtype"])))
        loaded: Any = VJEPA2Model.from_pretrained(folder, local_files_only=True, dtype=self._to[1])
        self._model = loaded.to(device).eval()
        self._processor: Any = VJEPA2VideoProcessor(crop_size=encoder.encoder_px)

    def __call__(self, pictures: UInt8) -> Float32:
        """(T, height, width, 3) uint8 to (D,) float32."""
        import torch

        with torch.inference_mode():
            pixels = self._processor(pictures, return_tensors="pt")["pixel_values_videos"].to(*self._to)
            mean: Float32 = (
                self._model(pixel_values_videos=pixels).last_hidden_state[0].float().mean(dim=0).cpu().numpy()
            )
        return mean


class ThisWay:
    """The chain's: the new frames of a stride in, the window's mean out."""

    def __init__(self, encoder: VJepa2Encoder) -> None:
        self._store = encoder.frame_store()
        self._slots: deque[int] = deque()
        self._frames = encoder.frames

    def __call__(self, frames: UInt8) -> Float32:
        """The last frames of a window; the first call needs all of them."""
        for frame in frames:
            self._slots.append(self._store.put(frame))
        while len(self._slots) > self._frames:
            self._store.drop(self._slots.popleft())
        return self._store.encode([list(self._slots)]).result()[0].mean


def measure(folder: Path, frames: int, windows: int, precision: Precision | None) -> Figures:
    """Milliseconds a window both ways, in turns; the first window of each is not counted where there are more."""
    encoder = VJepa2Encoder(folder, frames, precision)
    plain, ours = PlainWay(folder, encoder), ThisWay(encoder)
    pictures = np.stack(list(render_frames(seconds=frames + _STRIDE, size=_SIZE, fps=1)))
    cut = _encoder_frames(pictures, encoder.encoder_px)
    ms: dict[str, list[float]] = {"plain": [], "ours": []}
    cosines = []
    settled_after = max(_SETTLED_AFTER, windows // 10)
    settled: dict[str, int] = {}
    for number in range(windows):
        now = np.arange(_STRIDE * number, _STRIDE * number + frames) % len(pictures)
        new = now if number == 0 else now[-_STRIDE:]
        mine = _timed(ms["ours"], ours, cut[new])
        if number < PLAIN_MAX:
            theirs = _timed(ms["plain"], plain, pictures[now])
            cosines.append(float(theirs @ mine / np.linalg.norm(theirs) / np.linalg.norm(mine)))
        if number + 1 == settled_after:
            settled = memory_bytes()
    medians = {name: statistics.median(times_ms[1:] or times_ms) for name, times_ms in ms.items()}
    return {
        "what": f"ms a window of {frames} frames, medians of {len(ms['plain'])} and {windows}, the first left out",
        **encoder.facts(),
        "plain_ms": round(medians["plain"], 1),
        "ours_ms": round(medians["ours"], 1),
        "plain_to_ours": round(medians["plain"] / medians["ours"], 3),
        "cosine_min": round(min(cosines), 5),
        **({"memory_from_window": settled_after, **growth(settled, memory_bytes())} if windows > settled_after else {}),
    }


def _encoder_frames(pictures: UInt8, encoder_px: int) -> UInt8:
    """(N, encoder_px, encoder_px, 3) as the first process of the chain cuts them."""
    frames = [av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p") for picture in pictures]
    remap = FrameRemap(frame_format_of(frames[0]), None, encoder_px=encoder_px)
    return np.stack([remap.encoder_frame(frame) for frame in frames])


def _timed(ms: list[float], way: Callable[[UInt8], Float32], pictures: UInt8) -> Float32:
    began_at = time.perf_counter()
    mean = way(pictures)
    ms.append((time.perf_counter() - began_at) * 1000)
    return mean


@click.command()
@click.option("--model", type=click.Path(path_type=Path), help="Folder of the weights.  [default: random ones]")
@click.option("--random", "size", type=click.Choice(list(_SIZES)), default="small", show_default=True)
@click.option("--dtype", type=click.Choice(get_args(Precision)), help="[default: float16 on CUDA, float32 on the CPU]")
@click.option("--frames", default=PUBLISHED.frames, show_default=True, help="Of a window.")
@click.option("--windows", default=5, show_default=True, help=f"Encoded; the first {PLAIN_MAX} of them each way.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write everything here, too.")
def main(
    model: Path | None, size: str, dtype: Precision | None, frames: int, windows: int, json_path: Path | None
) -> None:
    """Time V-JEPA 2 both ways."""
    with tempfile.TemporaryDirectory(prefix="egoclean-bench-") as name:
        folder = model or save_random_vjepa2(Path(name) / f"random-{size}", _SIZES[size])
        rows = [{"what": "machine", **machine()}, measure(folder, frames, windows, dtype)]
    for row in rows:
        click.echo("\n".join(f"{key:>20}  {value}" for key, value in row.items()) + "\n")
    if json_path is not None:
        json_path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
