"""Simulated clips as cases: usual work for 20 minutes, with one stretch of other work."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from stream.pipeline.items import Float32
from tests.tools.detector_cases.cases import Insertion, StagedCase
from tests.tools.false_alarms import OTHER_WORK_S, simulated_work

CLIP_S: Final = 1200


def simulated_cases(hours: float) -> Iterator[tuple[StagedCase, Float32]]:
    """The clips of ``false_alarms``, each with its windows (N, K), one a second."""
    for seed in range(round(hours * 3600 / CLIP_S)):
        start_s = int(np.random.default_rng(seed).integers(CLIP_S // 3, CLIP_S - OTHER_WORK_S))
        event = Insertion(start_s, start_s + OTHER_WORK_S, 0)
        units = np.array(list(simulated_work(seed, CLIP_S, range(event.start_s, event.end_s))), np.float32)
        yield StagedCase("simulated", f"simulated {seed}", 0, CLIP_S, (event,)), units
