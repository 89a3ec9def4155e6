"""Time, money and memory that a run has used: the last part of ``run.json``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream.records.schema.manifest import Manifest
from stream.records.store.checkpoint import read_checkpoint
from stream.runtime.heartbeat import ChainStatus, Heartbeat

_OF_THE_DEVICE = ("peak_vram_bytes", "memory_halvings", "device_busy_s", "encoder_load_s", "annotator_load_s")
"""Facts of models. What is loaded once for several runs is in the first one's facts; in the others' it took 0 s."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Time and money of the attempts that have ended."""

    wall_s: float = 0.0
    dollars: float = 0.0


@dataclass(frozen=True, slots=True)
class Price:
    """The price of the machine, of which each of the runs that share it bears an equal part."""

    per_hour: float
    """Of the whole machine, in dollars."""
    runs_at_once: int = 1

    def of(self, seconds: float) -> float:
        """The dollars that a run costs in this time."""
        return seconds / 3600 * self.per_hour / self.runs_at_once


def spent(earlier: Manifest, state: Path | None, price: Price) -> Spent:
    """The totals in ``run.json``, plus the time of an attempt that was killed, from its newest checkpoint."""
    wall_s, dollars = (float(earlier.usage.get(name, 0.0)) for name in ("wall_s", "dollars"))
    known_s = read_checkpoint(state).totals.wall_s if state else 0.0
    unpaid_s = max(0.0, known_s - wall_s)
    return Spent(wall_s + unpaid_s, dollars + price.of(unpaid_s))


def usage(status: ChainStatus, before: Spent, began_at: float, ended_at: float, price: Price) -> dict[str, Any]:
    """Time and dollars of all attempts, those ``before`` and this one; all other figures are of this attempt alone.

    Times are on the monotonic clock. ``flowing_s`` is what grows with a clip's length; ``starting_s`` was before it.
    """
    wall_s = ended_at - began_at
    return {
        "wall_s": round(before.wall_s + wall_s, 3),
        "starting_s": round(min(status.flows_from - began_at, wall_s), 3),
        "flowing_s": round(status.flowing_s(), 3),
        "dollars": round(before.dollars + price.of(wall_s), 6),
        "price_per_hour": price.per_hour,
        "runs_at_once": price.runs_at_once,
        "processes": {name: _of_process(status, last) for name, last in status.last.items()},
    }


def _of_process(status: ChainStatus, last: Heartbeat) -> dict[str, Any]:
    """``busy_s`` is the time in which it neither waited for an item nor for the next process.

    A GPU works on while its process waits: ``device_busy_s`` is the GPU's own time.
    """
    parts = [part for part in status.facts.get(last.process, {}).values() if isinstance(part, dict)]
    return {
        "cpu_s": round(last.cpu_s, 3),
        "starting_cpu_s": round(status.ready_cpu_s.get(last.process, last.cpu_s), 3),
        "busy_s": round(max(0.0, last.up_s - last.idle_s - last.blocked_s), 3),
        "rss_bytes_max": status.rss_bytes_max[last.process],
        "items": last.items,
        **{key: part[key] for part in parts for key in _OF_THE_DEVICE if key in part},
    }
