"""What the detection costs over hours of one clip: CPU time, memory and state, in the first hour and in the last.

    python -m tests.tools.bench_detector --hours 8

The stage ``detect`` alone, with one window a second of the size of V-JEPA 2 (32 tokens of 1024 values), motion at 5 Hz,
and 20 s of other work each half hour. The windows are those of ``false_alarms``, turned into so many dimensions.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

import click
import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from stream.detection.options import DetectorOptions
from stream.pipeline.codec import pack
from stream.pipeline.items import Embedding, Float64, Item, Motion
from stream.records.schema.events import SegmentClosed
from stream.records.schema.manifest import machine
from stream.stages.detect import Detect
from stream.stages.motion import RATE_HZ
from tests.tools.false_alarms import DIMENSIONS, OTHER_WORK_S, simulated_work

TOKENS: Final = (32, 1024)
OTHER_WORK_EVERY_S: Final = 1800
RATIO_MAX: Final = 1.1
"""Of the last hour's cost to the first one's."""
GROWTH_MAX_MIB: Final = 4.0


class HourCost(NamedTuple):
    """What one hour of video took."""

    window_ms: float
    """CPU time for each window, the median over minutes."""
    rss_mib: float
    """Resident memory at its end."""
    state_kb: float
    """The packed snapshot at its end."""
    segments: int

    def text(self) -> str:
        """The figures, on one line."""
        return (
            f"{self.window_ms:.2f} ms a window, {self.rss_mib:.1f} MiB of memory, "
            f"a state of {self.state_kb:.0f} KB, {self.segments} segments"
        )


def embeddings(windows: int, seed: int = 0) -> Iterator[Embedding]:
    """One a second."""
    rng = np.random.default_rng(seed)
    ways = (rng.normal(size=(DIMENSIONS, TOKENS[0] * TOKENS[1])) / np.sqrt(TOKENS[1])).astype(np.float32)
    units: Iterator[Float64] = (
        unit
        for first in range(0, windows, OTHER_WORK_EVERY_S)
        for unit in _stretch(seed, min(OTHER_WORK_EVERY_S, windows - first))
    )
    for index, unit in enumerate(units):
        temporal = (unit.astype(np.float32) @ ways).astype(np.float16).reshape(TOKENS)
        yield Embedding(index, float(index), index + 2.1, temporal.mean(axis=0, dtype=np.float32), temporal)


def _stretch(seed: int, windows: int) -> Iterator[Float64]:
    middle = windows // 2
    return simulated_work(seed, windows, range(middle, middle + OTHER_WORK_S))


def hour_costs(hours: int) -> Iterator[HourCost]:
    """Run the stage over so many hours, and measure each."""
    stage, rng = Detect(DetectorOptions()), np.random.default_rng(1)
    minutes_s: list[float] = []
    spent_s, segments = 0.0, 0
    for embedding in embeddings(3600 * hours):
        start_s, step_s = embedding.t_sample_s, 1 / RATE_HZ
        motions = [
            Motion(start_s + number * step_s, start_s + (number + 1) * step_s, *rng.random(2).tolist())
            for number in range(int(RATE_HZ))
        ]
        items: list[Item] = [*motions, embedding]
        began_s = time.thread_time()
        for item in items:
            segments += sum(isinstance(each, SegmentClosed) for each in stage.on_item(item))
        spent_s += time.thread_time() - began_s
        if (embedding.index + 1) % 60 == 0:
            minutes_s.append(spent_s)
            spent_s = 0.0
        if len(minutes_s) == 60:
            rss_mib = psutil.Process().memory_info().rss / 2**20
            state_kb = len(pack(stage.snapshot())) / 1e3
            yield HourCost(statistics.median(minutes_s) / 60 * 1e3, rss_mib, state_kb, segments)
            minutes_s, segments = [], 0


@click.command()
@click.option("--hours", default=8, show_default=True, help="Length of the clip.")
def main(hours: int) -> None:
    """Fail if the last hour costs more than the first one, or if memory grows."""
    click.echo(f"{machine()['cpu']}, {machine()['cores']} cores")
    costs: list[HourCost] = []
    with threadpool_limits(1):
        for hour, cost in enumerate(hour_costs(hours), start=1):
            click.echo(f"hour {hour}: {cost.text()}")
            costs.append(cost)
    ratio, growth_mib = costs[-1].window_ms / costs[0].window_ms, costs[-1].rss_mib - costs[0].rss_mib
    click.echo(f"ratio {ratio:.2f} (limit {RATIO_MAX}), memory {growth_mib:+.1f} MiB (limit {GROWTH_MAX_MIB:+})")
    sys.exit(ratio > RATIO_MAX or growth_mib > GROWTH_MAX_MIB)


if __name__ == "__main__":
    main()
