"""Run directories and bare folders of synthetic embeddings, written by the stages that write real ones."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from stream.config import Options
from stream.detection.options import DetectorOptions
from stream.pipeline.items import Embedding, End, Float16, Item
from stream.pipeline.stage import Pipeline, drive
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, SourceRecord
from stream.records.store.attempt import AttemptGuard
from stream.records.store.event_log import EventLog
from stream.stages.detect import Detect
from stream.stages.record import Record
from stream.stages.store import EmbeddingWriter

EVENT_S = (120.0, 150.0)
"""Time of the anomaly in ``working_windows``."""
PERIOD_S = 8
TOKENS, DIMS = 4, 16


def working_windows(
    count: int, *, seed: int = 0, period: int = PERIOD_S, events_s: Sequence[tuple[float, float]] = (EVENT_S,)
) -> Float16:
    """(count, 4, 16) float16: work that repeats every ``period`` windows, under noise, and other work in events."""
    rng = np.random.default_rng(seed)
    scene, *cycle = rng.standard_normal((period + 1, TOKENS, DIMS))
    other = rng.standard_normal((TOKENS, DIMS))
    windows = []
    for window in range(count):
        inside = any(start_s <= window < end_s for start_s, end_s in events_s)
        tokens = scene + (1.5 * other if inside else 0.3 * cycle[window % period])
        windows.append(tokens + 0.05 * rng.standard_normal((TOKENS, DIMS)))
    return np.array(windows, np.float16)


def write_bare(folder: Path, windows: Float16, *, stem: str = "clip") -> RunLayout:
    """The three arrays as the original pipeline leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = RunLayout(folder, stem)
    np.save(layout.embeddings, windows.astype(np.float32).mean(axis=1))
    np.save(layout.temporal, windows)
    np.save(layout.timestamps, np.arange(len(windows), dtype=np.float64))
    return layout


def write_run(folder: Path, windows: Float16, *, source: str = "clip.mp4", finished: bool = True) -> RunLayout:
    """A run directory: what the chain records of these windows, up to its end or up to the last window."""
    folder.mkdir(parents=True)
    layout = RunLayout(folder, folder.name)
    options = {"source": source, "detector": DetectorOptions().model_dump()}
    Manifest(
        run_id="r", state="running", started="", source=SourceRecord(name=source, size_bytes=1), intrinsics=None,
        options=options, encoder={"model": "grid-v2"},
    ).write(layout.manifest)  # fmt: skip
    with EventLog(layout.events) as log:
        log.append(events.RunStarted(run_id="r", source=source, stem=layout.stem, encoder="grid", annotator="none"))
    record, keep = Record(layout, Options(source=source)), EmbeddingWriter(layout, AttemptGuard(layout, 0))
    with closing(record), closing(keep):
        list(drive(Pipeline([keep, Detect(DetectorOptions()), record]), _items(windows, finished=finished)))
    return layout


def _items(windows: Float16, *, finished: bool) -> Iterator[Item]:
    for index, temporal in enumerate(windows):
        mean = temporal.astype(np.float32).mean(axis=0)
        yield Embedding(index, float(index), index + 2.1, mean, temporal)
    if finished:
        yield End("end_of_stream", len(windows) + 1.1, 30 * len(windows) + 33)
