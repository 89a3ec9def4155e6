"""Clips of recorded work that is repeated and stopped by known rules, through the chain with the grid encoder."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from models.encoders.table import make_encoder
from stream.demo.lens import Lens, demo_intrinsics
from stream.demo.motion import Script
from stream.demo.scene import Scene
from stream.pipeline.items import Embedding, End, Item, Motion, UInt8
from stream.pipeline.stage import Pipeline, drive
from stream.sources.table import open_source
from stream.stages.decode import Decode
from stream.stages.embed import Embed
from stream.stages.motion import MeasureMotion
from stream.stages.rectify import Rectify
from stream.video.container import read_facts
from stream.video.packets import packets
from tests.tools.eval_cycles.timeline import STEP_S, Plan, Timeline

FPS: Final = 30
SIZE: Final = (228, 128)
"""Small, since there are many frames; the encoder takes 64x64."""
PLAN: Final[Plan] = (("work", 80), ("idle", 14), ("work", 44), ("other", 18), ("work", 42))
_NOISE: Final = 3.0
"""Standard deviation of the sensor's noise, grey levels."""
_SWAY_PX: Final = 1.0
"""Standard deviation of the sway of a head or a hand that holds the camera."""
_RENDERED: Final = "rendered"


@dataclass(frozen=True)
class Recording:
    """A recording whose first ``period_s`` seconds are the cycle of the work."""

    path: str
    """Under the folder of the data; ``rendered``: the demo's bench."""
    period_s: float
    other: str = "ego/homes/mopping.mp4"
    """The recording that is the other work."""
    held_out: bool = False


RECORDINGS: Final = {
    "folding": Recording("ego/homes/folding_clothes.mp4", 8.0),
    "tea": Recording("ego/homes/making_tea.mp4", 6.0),
    "stool": Recording("ego/egodex/assemble_disassemble_furniture_bench_stool_14.mp4", 4.0),
    "bench-5": Recording(_RENDERED, 5.0),
    "shoes": Recording("ego/homes/arranging_shoes.mp4", 7.0, held_out=True),
    "cupboard": Recording("ego/homes/coffee_cupboard.mp4", 9.5, held_out=True),
    "dough": Recording("ego/ego4d_site/catania_1.mp4", 5.0, "ego/homes/milk_from_fridge.mp4", held_out=True),
    "cards": Recording("ego/ego4d_site/minnesota_1.mp4", 8.5, "ego/homes/milk_from_fridge.mp4", held_out=True),
    "bench-9": Recording(_RENDERED, 9.0, "ego/homes/milk_from_fridge.mp4", held_out=True),
}


def film(recording: Recording, data: Path, clip: Path, seed: int) -> Timeline:
    """Write the clip as H.265, and return what happens in it."""
    rng = np.random.default_rng(seed)
    timeline = Timeline.draw(PLAN, recording.period_s, 0.04, rng)
    with av.open(clip, "w") as container:
        settings = {"preset": "ultrafast", "crf": "24", "x265-params": "log-level=error:keyint=60"}
        stream = container.add_stream("libx265", rate=FPS, options=settings)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        for index, rgb in enumerate(_recorded(_shown(recording, data, timeline), rng)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return timeline


def embed(clip: Path) -> list[Item]:
    """The clip's embeddings by the grid encoder, its motion, and its end."""
    encoder, source = make_encoder("grid"), open_source(str(clip))
    decode = Decode(source.name, read_facts(source))
    stages = [decode, Rectify(None, encoder_px=encoder.encoder_px), MeasureMotion(), Embed(encoder, 1.0)]
    items = drive(Pipeline(stages), packets(source))
    return [*(item for item in items if isinstance(item, Embedding | Motion)), decode.end("end_of_stream")]


def store(path: Path, timeline: Timeline, items: list[Item]) -> None:
    """Write what ``load`` reads."""
    windows = [item for item in items if isinstance(item, Embedding)]
    motions = [item for item in items if isinstance(item, Motion)]
    np.savez(
        path,
        kinds=timeline.kinds,
        cycles=timeline.cycles,
        temporal=np.stack([item.temporal for item in windows]),
        windows_s=np.array([(item.t_sample_s, item.t_end_s) for item in windows]),
        motions=np.array(
            [(m.t_start_s, m.t_end_s, np.nan if m.moving_share is None else m.moving_share, m.head_widths_s)
             for m in motions]
        ),
        end_s=next(item.decoded_s for item in items if isinstance(item, End)),
    )  # fmt: skip


def load(path: Path) -> tuple[Timeline, list[Item]]:
    """What happens in a clip, and its items in order."""
    with np.load(path, allow_pickle=False) as stored:
        rows = zip(stored["windows_s"].tolist(), stored["temporal"], strict=True)
        windows = [
            Embedding(index, start_s, end_s, temporal.mean(axis=0, dtype=np.float32), temporal)
            for index, ((start_s, end_s), temporal) in enumerate(rows)
        ]
        motions = [
            Motion(start_s, end_s, None if np.isnan(share) else share, head)
            for start_s, end_s, share, head in stored["motions"].tolist()
        ]
        end = End("end_of_stream", float(stored["end_s"]), round(FPS * float(stored["end_s"])))
        known: list[Embedding | Motion] = [*motions, *windows]
        return Timeline(stored["kinds"], stored["cycles"]), [*sorted(known, key=lambda item: item.t_end_s), end]


def _shown(recording: Recording, data: Path, timeline: Timeline) -> Iterator[UInt8]:
    """Yield the scene of each frame, as the recording or the demo's bench shows it."""
    other = _frames(data / recording.other, 10.0)
    bench = _RenderedBench() if recording.path == _RENDERED else None
    work = [] if bench else _frames(data / recording.path, recording.period_s)
    for index in range(round(timeline.end_s * FPS)):
        step = min(int(index / FPS / STEP_S), len(timeline.kinds) - 1)
        if timeline.kinds[step] == "other":
            yield other[index % len(other)]
            continue
        share = index / FPS / STEP_S - step
        cycles = (1 - share) * timeline.cycles[step] + share * timeline.cycles[step + 1]
        yield bench.at(cycles, index / FPS) if bench else work[int(cycles % 1 * len(work))]


class _RenderedBench:
    """The demo's bench at any phase of its cycle, from a head that never rests."""

    def __init__(self) -> None:
        self._script = Script(600.0, FPS, seed=0)
        self._script.away = None
        self._lens = Lens(demo_intrinsics(*SIZE), 0)
        self._scene = Scene(self._lens.canvas, 0)
        held = [self._script.at(step / 50).part is not None for step in range(250 * 50)]
        self._turns_s = np.flatnonzero(np.diff(np.array(held, int)) == -1) / 50
        """A cycle ends where a finished part is put down."""

    def at(self, cycles: float, t_s: float) -> UInt8:
        """The picture after so many cycles, at ``t_s`` of the movement of the head."""
        worked_s = float(np.interp(cycles, np.arange(len(self._turns_s)), self._turns_s))
        now = self._script.at(worked_s)
        head = self._script.head_pose(t_s, 0.0)
        self._scene.paint(type(now)(head, now.right, now.left, now.part, now.finished, 0.0))
        return self._lens.expose(0.0)


def _frames(path: Path, seconds: float) -> list[UInt8]:
    """The first ``seconds`` of a recording at ``FPS``, of ``SIZE``."""
    frames: list[UInt8] = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            rgb = frame.to_ndarray(format="rgb24")
            frames.append(np.asarray(cv2.resize(rgb, SIZE, interpolation=cv2.INTER_AREA), np.uint8))
            if len(frames) >= seconds * float(stream.average_rate or FPS):
                break
    return frames


def _recorded(shown: Iterator[UInt8], rng: np.random.Generator) -> Iterator[UInt8]:
    """The frames with sway, exposure that changes slowly, and the sensor's noise."""
    width, height = SIZE
    noise = rng.normal(0, _NOISE, (height + 64, width + 64, 3)).astype(np.float32)
    sway, gain = np.zeros(2), 0.0
    for rgb in shown:
        sway = 0.97 * sway + np.sqrt(1 - 0.97**2) * rng.normal(size=2)
        gain = 0.998 * gain + np.sqrt(1 - 0.998**2) * rng.normal()
        matrix = np.array([[1.0, 0.0, _SWAY_PX * sway[0]], [0.0, 1.0, _SWAY_PX * sway[1]]])
        moved = cv2.warpAffine(rgb, matrix, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        x, y = rng.integers(0, 64, 2)
        exposed = np.multiply(moved, np.float32(1 + 0.03 * gain), dtype=np.float32)
        yield np.clip(exposed + noise[y : y + height, x : x + width], 0, 255).astype(np.uint8)
