"""What happens in a clip: work in cycles, idle stretches, other work, and movement without a cycle."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stream.pipeline.items import Float64

STEP_S: Final = 0.1
Activity: TypeAlias = Literal["work", "idle", "other", "aimless"]
Plan: TypeAlias = tuple[tuple[Activity, float], ...]
"""What is done, and for how many seconds. ``aimless``: movement that does not repeat itself."""


@dataclass(frozen=True)
class Timeline:
    """The truth of a clip in steps of ``STEP_S``."""

    kinds: npt.NDArray[np.str_]
    """(n,) what is done in each step."""
    cycles: Float64
    """(n + 1,) cycles of the work until the start of each step: it rises at work alone; a whole number is a turn."""

    @classmethod
    def draw(cls, plan: Plan, period_s: float, jitter: float, rng: np.random.Generator) -> "Timeline":
        """Cycles of ``period_s`` whose lengths deviate by a standard deviation of ``jitter`` as a share.

        The clip begins anywhere in a cycle. Idle hands go on where they stopped; after other work a new cycle begins.
        """
        kinds = np.concatenate([np.full(round(seconds / STEP_S), kind) for kind, seconds in plan])
        lengths_s = period_s * (1 + jitter * np.clip(rng.normal(size=len(kinds)), -2.5, 2.5))
        cycles = np.empty(len(kinds) + 1)
        now = cycles[0] = rng.uniform()
        for index, kind in enumerate(kinds):
            if kind == "work":
                now += STEP_S / lengths_s[int(now)]
            elif kind in {"other", "aimless"}:
                now = float(np.ceil(now))
            cycles[index + 1] = now
        return cls(kinds, cycles)

    @property
    def end_s(self) -> float:
        """The clip's length."""
        return STEP_S * len(self.kinds)

    def steps(self, start_s: float, end_s: float) -> slice:
        """The steps in ``[start_s, end_s)``."""
        return slice(round(start_s / STEP_S), round(end_s / STEP_S))

    def share(self, kind: Activity, start_s: float, end_s: float) -> float:
        """Share of a stretch in which ``kind`` is done."""
        return float(np.mean(self.kinds[self.steps(start_s, end_s)] == kind))

    def cycles_in(self, start_s: float, end_s: float) -> float:
        """Cycles of the work in a stretch, also parts of them."""
        steps = self.steps(start_s, end_s)
        return float(np.diff(self.cycles)[steps][self.kinds[steps] == "work"].sum())

    def period_in(self, start_s: float, end_s: float) -> float:
        """Mean length of the cycles in a stretch in which there is work, in seconds of work."""
        return self.share("work", start_s, end_s) * (end_s - start_s) / self.cycles_in(start_s, end_s)

    def from_turn(self, t_s: float) -> float | None:
        """Signed distance to the nearest turn of the cycle, from -0.5 to 0.5 periods; None if there is no work."""
        index = min(int(t_s / STEP_S), len(self.kinds) - 1)
        if self.kinds[index] != "work" or self.kinds[max(index - 1, 0)] != "work":
            return None
        phase = self.cycles[index] + (t_s / STEP_S - index) * (self.cycles[index + 1] - self.cycles[index])
        return float(phase - np.round(phase))

    def spans(self, kind: Activity) -> list[tuple[float, float]]:
        """The stretches of ``kind``, in seconds."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.kinds == kind, [False]]).astype(int)))
        return [(STEP_S * float(start), STEP_S * float(end)) for start, end in edges.reshape(-1, 2)]
