"""The windows of a staged clip: frames of several recordings, joined, through the grid encoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from models.encoders.encoder import FRAMES, TUBELET_FRAMES, UInt8
from models.encoders.grid import GridEncoder
from stream.detection.centroid import unit_rows
from stream.pipeline.items import Float32, Float64
from tests.tools.detector_cases.cases import StagedCase
from tests.tools.detector_cases.footage import FPS, endless_work

WINDOW_PICTURES: Final = FRAMES // TUBELET_FRAMES
SMALLEST_SHARE: Final = 1e-10
"""Directions with less than this share of the largest one's are rounding errors."""


@dataclass(frozen=True, slots=True)
class UsualWork:
    """The usual work of a clip, which many cases share."""

    frames: UInt8
    units: Float32
    """(N, 32768) unit vectors, one a second."""
    gram: Float32
    """(N, N) their inner products."""

    def first(self, duration_s: int) -> "UsualWork":
        """Its first seconds."""
        frames = self.frames[: duration_s * FPS]
        windows = len(window_starts(frames))
        return UsualWork(frames, self.units[:windows], self.gram[:windows, :windows])


class Studio:
    """Stages cases. The latest usual work is retained."""

    def __init__(self, recordings: Sequence[UInt8], seed: int) -> None:
        self._recordings = recordings
        self._seed = seed
        self._usual: tuple[int, UsualWork] | None = None

    def units(self, case: StagedCase) -> Float32:
        """(N, K) unit vectors, one a second: the case's windows, turned so that K <= N numbers hold them exactly."""
        usual = self._usual_work(case.recording, case.duration_s)
        frames = self._with_insertions(usual.frames, case)
        staged = np.zeros(len(frames), bool)
        for each in case.insertions:
            staged[each.start_s * FPS : each.end_s * FPS] = True
        starts = window_starts(frames)
        changed = [i for i, start in enumerate(starts) if staged[start : start + WINDOW_PICTURES].any()]
        units, gram = usual.units.copy(), usual.gram.copy()
        if changed:
            units[changed] = embed(frames, [starts[i] for i in changed])
            gram[changed] = units[changed] @ units.T
            gram[:, changed] = gram[changed].T
        return turned(gram)

    def frames(self, case: StagedCase) -> UInt8:
        """(n, 64, 64, 3) the pictures of the case, ``FPS`` a second."""
        return self._with_insertions(self._usual_frames(case.recording, case.duration_s), case)

    def _with_insertions(self, usual: UInt8, case: StagedCase) -> UInt8:
        frames = usual.copy()
        for number, each in enumerate(case.insertions):
            place = slice(each.start_s * FPS, each.end_s * FPS)
            other = endless_work(self._recordings[each.recording], self._seed + 1000 * number + 100 + each.recording)
            frames[place] = list(islice(other, len(frames[place])))
        return frames

    def _usual_frames(self, recording: int, duration_s: int) -> UInt8:
        work = endless_work(self._recordings[recording], self._seed + recording)
        return np.stack(list(islice(work, duration_s * FPS)))

    def _usual_work(self, recording: int, duration_s: int) -> UsualWork:
        """That of a shorter clip is the beginning of that of a longer one."""
        if self._usual is None or self._usual[0] != recording or len(self._usual[1].frames) < duration_s * FPS:
            frames = self._usual_frames(recording, duration_s)
            units = embed(frames, window_starts(frames))
            self._usual = (recording, UsualWork(frames, units, units @ units.T))
        return self._usual[1].first(duration_s)


def window_starts(frames: UInt8) -> range:
    """The first frame of each whole window, one a second."""
    return range(0, len(frames) - WINDOW_PICTURES + 1, FPS)


def embed(frames: UInt8, starts: Sequence[int]) -> Float32:
    """(N, 32768) unit vectors: the temporal tokens of the windows at ``starts``, ascending; each frame counts twice."""
    store = GridEncoder().frame_store()
    slots: dict[int, int] = {}
    embeddings = []
    for start in starts:
        for number in [number for number in slots if number < start]:
            store.drop(slots.pop(number))
        window = range(start, start + WINDOW_PICTURES)
        slots |= {number: store.put(frames[number]) for number in window if number not in slots}
        (embedding,) = store.encode([[slots[number] for number in window for _ in range(TUBELET_FRAMES)]]).result()
        embeddings.append(embedding.temporal.ravel())
    return np.array(list(unit_rows(np.array(embeddings))), np.float32)


def turned(gram: Float32) -> Float32:
    """(N, K) unit vectors with the inner products (N, N), K <= N: these decide every score."""
    values, directions = np.linalg.eigh(gram.astype(np.float64))
    carried = values > SMALLEST_SHARE * values[-1]
    rows: Float64 = directions[:, carried] * np.sqrt(values[carried])
    unit_length: Float64 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit_length.astype(np.float32)
