"""How often does the causal detector raise an alarm when nothing unusual happens?

    python -m tests.tools.false_alarms --hours 100

Simulated embeddings of usual work, one window a second, in clips with a character of their own: repeated work with
an uneven beat, noise with a memory, slow drift, exposure that swings, and walking bursts of head motion. Nothing in
it is an anomaly, so every event is a false alarm. A deaf detector would raise none: so the same clips are seen once
more, with one stretch of other work in each, which has to be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click
import numpy as np

from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float64

DIMENSIONS = 48
SCENE, CYCLE, HARMONIC, EXPOSURE, WALKING, OTHER = 0, slice(1, 3), slice(3, 5), 5, 6, 7
"""Which axes mean what: the scene itself is the first."""
OTHER_WORK = 0.6
"""How far other work lies from the scene, which is 1."""
OTHER_WORK_S = 20


@dataclass(frozen=True)
class Character:
    """What differs from clip to clip. Amplitudes are relative to the scene's constant part, which is 1."""

    period_s: float
    beat_jitter: float
    cycle: float
    harmonic: float
    noise: float
    noise_memory: float
    drift: float
    drift_memory: float
    exposure: float
    exposure_period_s: float
    burst: float
    burst_gap_s: float
    longest_burst_s: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Character:
        """A clip's character: cycles of 4-11 s, noise with a memory of 1-10 s, drift over 20-120 minutes, a burst of
        1-3 s every 40-300 s."""
        return cls(
            period_s=rng.uniform(4, 11),
            beat_jitter=rng.uniform(0.02, 0.12),
            cycle=rng.uniform(0.1, 0.45),
            harmonic=rng.uniform(0, 0.5),
            noise=rng.uniform(0.15, 0.5),
            noise_memory=rng.uniform(0.3, 0.9),
            drift=rng.uniform(0, 0.2),
            drift_memory=float(np.exp(-1 / rng.uniform(1200, 7200))),
            exposure=rng.uniform(0, 0.15),
            exposure_period_s=rng.uniform(60, 600),
            burst=rng.uniform(0.1, 0.4),
            burst_gap_s=rng.uniform(40, 300),
            longest_burst_s=3,
        )


def simulated_work(seed: int, windows: int, other: range = range(0)) -> Iterator[Float64]:
    """``windows`` unit vectors (D,), one a second, of one clip in which other work is done in ``other``, if at all."""
    rng = np.random.default_rng(seed)
    c = Character.draw(rng)
    noise, drift = rng.normal(size=(2, DIMENSIONS))
    walking = np.zeros(DIMENSIONS)
    phase, burst_s, burst_at_s = rng.uniform(0, 2 * np.pi), 0, rng.exponential(c.burst_gap_s)
    for t_s in range(windows):
        phase += 2 * np.pi / c.period_s * (1 + c.beat_jitter * rng.normal())
        noise = remembered(noise, c.noise_memory, rng)
        drift = remembered(drift, c.drift_memory, rng)
        if t_s >= burst_at_s:
            burst_s = int(rng.integers(1, c.longest_burst_s + 1))
            burst_at_s = t_s + burst_s + rng.exponential(c.burst_gap_s)
            walking = 0.7 * rng.normal(size=DIMENSIONS) / np.sqrt(DIMENSIONS)
            walking[WALKING] += 1
        vector = (c.noise * noise + c.drift * drift) / np.sqrt(DIMENSIONS)
        vector[SCENE] += 1
        vector[CYCLE] += c.cycle * np.array([np.cos(phase), np.sin(phase)])
        vector[HARMONIC] += c.cycle * c.harmonic * np.array([np.cos(2 * phase), np.sin(2 * phase)])
        vector[EXPOSURE] += c.exposure * np.sin(2 * np.pi * t_s / c.exposure_period_s)
        if burst_s > 0:
            vector += c.burst * rng.uniform(0.5, 1.2) * walking
            burst_s -= 1
        if t_s in other:
            vector[OTHER] += OTHER_WORK
        yield vector / np.linalg.norm(vector)


def remembered(value: Float64, memory: float, rng: np.random.Generator) -> Float64:
    """The next value of a first-order autoregression of variance 1."""
    return memory * value + float(np.sqrt(1 - memory**2)) * rng.normal(size=value.shape)


def events(units: Iterator[Float64], options: DetectorOptions) -> list[float]:
    """Starts, in seconds, of the anomalies that the detector opens in vectors (D,), one a second."""
    detector = CausalDetector(options)
    changes = [detector.push(float(t_s), unit).change for t_s, unit in enumerate(units)]
    return [change.t_s for change in changes if change and change.kind == "anomalous"]


def is_found(seed: int, windows: int, options: DetectorOptions) -> bool:
    """Whether a stretch of other work, somewhere after the first third of a clip, is found to within its length."""
    start = int(np.random.default_rng(seed).integers(windows // 3, windows - OTHER_WORK_S))
    changes = events(simulated_work(seed, windows, range(start, start + OTHER_WORK_S)), options)
    return any(abs(t_s - start) < OTHER_WORK_S for t_s in changes)


@click.command()
@click.option("--hours", default=100.0, show_default=True, help="Simulated time in all.")
@click.option("--clip-minutes", default=20.0, show_default=True, help="Length of a clip; each begins with a warm-up.")
@click.option("--seed", default=0, show_default=True, help="Seed of the first clip; the others count up from it.")
def main(hours: float, clip_minutes: float, seed: int) -> None:
    """Count false alarms in simulated usual work, and what is missed of other work."""
    windows, clips = round(clip_minutes * 60), max(1, round(hours * 60 / clip_minutes))
    options, alarms, detected = DetectorOptions(), 0, 0
    for clip in range(seed, seed + clips):
        starts_s = events(simulated_work(clip, windows), options)
        alarms += len(starts_s)
        detected += is_found(clip, windows, options)
        if starts_s:
            click.echo(f"clip {clip}: false alarm at {', '.join(f'{t_s:.0f} s' for t_s in starts_s)}")
    simulated_h = clips * windows / 3600
    click.echo(f"{alarms} false alarms in {simulated_h:.1f} h of {clip_minutes:g}-minute clips: ", nl=False)
    click.echo(f"{alarms / simulated_h:.3f} an hour")
    click.echo(f"{detected} of {clips} stretches of other work found")


if __name__ == "__main__":
    main()
