"""Simulated embeddings of clips with known cycles: for what pictures would take too long to be made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from stream.pipeline.items import Embedding, End, Float64, Item
from tests.tools.eval_cycles.timeline import STEP_S, Plan, Timeline

DIMENSIONS: Final = 256
WINDOW_S: Final = 2.1
Shape: TypeAlias = Literal["smooth", "steps", "loop", "halves"]
"""``smooth``: no moment of the cycle differs from another; ``steps``: postures of unequal length; ``loop``: a recording
that starts again; ``halves``: both halves of the cycle are much alike."""

_LONG: Final[Plan] = (
    ("work", 125), ("other", 20), ("work", 50), ("idle", 22), ("work", 65), ("other", 16), ("work", 40),
    ("aimless", 30), ("work", 45),
)  # fmt: skip
_AIMLESS: Final[Plan] = (("aimless", 240), ("idle", 20), ("aimless", 60))


@dataclass(frozen=True)
class Simulation:
    """A clip. Amplitudes are relative to the constant part of its scene, which is 1."""

    shape: Shape
    period_s: float
    plan: Plan = _LONG
    jitter: float = 0.04
    cycle: float = 0.35
    noise: float = 0.25


PERIODS_S: Final = (3.4, 5.0, 6.3, 8.0, 10.0, 12.5, 16.0, 21.0)
SIMULATIONS: Final = {
    **{
        f"{shape}-{period_s:g}": Simulation(shape, period_s)
        for shape in ("smooth", "steps", "loop")
        for period_s in PERIODS_S
    },
    **{f"halves-{period_s:g}": Simulation("halves", period_s) for period_s in (12.0, 20.0, 55.0, 70.0)},
    **{f"jitter-{period_s:g}": Simulation("loop", period_s, jitter=0.1) for period_s in (5.0, 9.0)},
    **{f"noise-{period_s:g}": Simulation("smooth", period_s, noise=0.5) for period_s in (5.0, 9.0)},
    **{f"aimless-{number}": Simulation("smooth", 8.0, plan=_AIMLESS) for number in range(4)},
}


def simulate(simulation: Simulation, seed: int) -> tuple[Timeline, list[Item]]:
    """The truth and the embeddings of a clip: means of what is seen in ``WINDOW_S`` seconds, one a second."""
    rng = np.random.default_rng(seed)
    timeline = Timeline.draw(simulation.plan, simulation.period_s, simulation.jitter, rng)
    seen = np.stack(list(_vectors(simulation, timeline, rng)))
    wide = round(WINDOW_S / STEP_S)
    items: list[Item] = []
    for index in range(int(timeline.end_s - WINDOW_S) + 1):
        start = round(index / STEP_S)
        vector = seen[start : start + wide].mean(axis=0) + rng.normal(size=DIMENSIONS) * 0.1 / np.sqrt(DIMENSIONS)
        temporal = vector[None].astype(np.float16)
        items.append(Embedding(index, float(index), index + WINDOW_S, temporal[0].astype(np.float32), temporal))
    return timeline, [*items, End("end_of_stream", timeline.end_s, round(30 * timeline.end_s))]


def _vectors(simulation: Simulation, timeline: Timeline, rng: np.random.Generator) -> Iterator[Float64]:
    """What is seen in each step, (D,): the scene, the cycle, and noise that is 10 times as fast at work as at rest."""
    table = simulation.cycle * _cycle(simulation.shape, rng)
    scene, other, noise, drift = _directions(4, rng)
    aimless = np.zeros(DIMENSIONS)
    lively = 1.8 * simulation.cycle
    for kind, cycles in zip(timeline.kinds, timeline.cycles, strict=False):
        speed = 0.012 if kind == "idle" else 0.12
        noise = (1 - speed) * noise + np.sqrt(1 - (1 - speed) ** 2) * _directions(1, rng)[0]
        drift = 0.9995 * drift + np.sqrt(1 - 0.9995**2) * _directions(1, rng)[0]
        aimless = 0.95 * aimless + np.sqrt(1 - 0.95**2) * _directions(1, rng)[0]
        what = {"other": 0.6 * other + lively * aimless, "aimless": lively * aimless}.get(
            str(kind), table[int(cycles * len(table)) % len(table)]
        )
        yield scene + what + simulation.noise * noise + 0.1 * drift


def _directions(count: int, rng: np.random.Generator) -> Float64:
    """(count, D) of mean squared norm 1."""
    return np.asarray(rng.normal(size=(count, DIMENSIONS)) / np.sqrt(DIMENSIONS), np.float64)


def _cycle(shape: Shape, rng: np.random.Generator) -> Float64:
    """(200, D): what is seen at each phase of the cycle, of mean squared norm 1 or so."""
    phase = np.arange(200) / 200
    if shape == "steps":
        edges = np.cumsum([0.0, 0.3, 0.15, 0.35])
        return _directions(4, rng)[np.searchsorted(edges, phase, side="right") - 1]
    if shape == "loop":
        path = np.cumsum(rng.normal(size=(200, DIMENSIONS)), axis=0) / np.sqrt(200 * DIMENSIONS / 2)
        return np.asarray(path, np.float64)
    harmonics = (2, 4, 1) if shape == "halves" else (1, 2, 3)
    weights = (1.0, 0.5, 0.55) if shape == "halves" else (1.0, 0.6, 0.3)
    waves = [
        weight * (np.cos(2 * np.pi * k * phase)[:, None] * a + np.sin(2 * np.pi * k * phase)[:, None] * b)
        for k, weight in zip(harmonics, weights, strict=True)
        for a, b in [_directions(2, rng)]
    ]
    return np.asarray(np.sum(waves, axis=0), np.float64)
