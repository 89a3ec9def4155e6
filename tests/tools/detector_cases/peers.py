"""Peers that a user would pick instead: change points by ruptures, cuts by PySceneDetect.

Both are given more than the causal detector has: the whole clip before they answer, and ruptures the penalty that is
best on the other recordings. They say where something changes, not on which side of it the work is unusual: what lies
between two neighbouring changes, and is at most ``LONGEST_SHARE`` of the clip, counts as an anomaly.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from models.encoders.encoder import UInt8
from stream.pipeline.items import Float32
from tests.tools.detector_cases.cases import StagedCase
from tests.tools.detector_cases.footage import FPS
from tests.tools.detector_cases.measure import DetectedEvent, Tally
from tests.tools.detector_cases.windows import Studio

StoredCase: TypeAlias = tuple[StagedCase, Float32]
ChangesOf: TypeAlias = Callable[[float], Sequence[float]]
"""The changes of one clip, in seconds, at a sensitivity."""

LONGEST_SHARE: Final = 0.25
SHORTEST_WINDOWS: Final = 3
PENALTIES: Final = tuple(0.1 * 1.4**step for step in range(12))
"""For ruptures: by how much a change point must reduce the sum of squared distances."""
DEFAULT_RATIO: Final = 3.0
"""For PySceneDetect: a frame's change over that of its neighbours."""


def measured_peers(
    chosen: Sequence[StoredCase], held_out: Sequence[StoredCase], studio: Studio
) -> Iterator[tuple[str, dict[str, Tally]]]:
    """The name of each peer, and its sums over the families of the cases held out, which ``studio`` stages again."""
    penalty = best(((case, ruptures_of(units)) for case, units in chosen), PENALTIES)
    yield f"ruptures, penalty {penalty:.2g}", tallies(((case, ruptures_of(units)) for case, units in held_out), penalty)
    cuts = ((case, scenes_of(studio.frames(case))) for case, _ in held_out)
    yield "PySceneDetect, adaptive", tallies(cuts, DEFAULT_RATIO)


def ruptures_of(units: Float32) -> ChangesOf:
    """Changes of the mean of windows (N, K), one a second, by kernel change point detection with PELT."""
    import ruptures

    search = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST_WINDOWS).fit(units.astype(np.float64))
    return lambda penalty: [float(point) for point in search.predict(pen=penalty)[:-1]]


def scenes_of(frames: UInt8) -> ChangesOf:
    """Cuts between frames (N, height, width, 3), RGB, by the adaptive detector."""
    from scenedetect import AdaptiveDetector, FrameTimecode

    def cuts_s(ratio: float) -> list[float]:
        detector = AdaptiveDetector(adaptive_threshold=ratio)
        found = [
            cut
            for number, rgb in enumerate(frames)
            for cut in detector.process_frame(FrameTimecode(number, float(FPS)), np.ascontiguousarray(rgb[..., ::-1]))
        ]
        return [float(cut.seconds) for cut in found]

    return cuts_s


def best(cases: Iterable[tuple[StagedCase, ChangesOf]], sensitivities: Sequence[float]) -> float:
    """The sensitivity with the most events found, less false anomalies."""
    gains = dict.fromkeys(sensitivities, 0)
    for case, changes_of in cases:
        for sensitivity in sensitivities:
            (each,) = tallies([(case, changes_of)], sensitivity).values()
            gains[sensitivity] += each.found - each.false
    return max(gains, key=gains.__getitem__)


def tallies(cases: Iterable[tuple[StagedCase, ChangesOf]], sensitivity: float) -> dict[str, Tally]:
    """The sums of each family."""
    families: dict[str, Tally] = {}
    for case, changes_of in cases:
        families.setdefault(case.family, Tally()).add(case, between(changes_of(sensitivity), case.duration_s))
    return families


def between(changes_s: Sequence[float], duration_s: float) -> list[DetectedEvent]:
    """The short stretches between neighbouring changes, known when the clip is over."""
    return [
        DetectedEvent(start_s, end_s, duration_s, duration_s)
        for start_s, end_s in pairwise([0.0, *changes_s, duration_s])
        if end_s - start_s <= LONGEST_SHARE * duration_s
    ]
