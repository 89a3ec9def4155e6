"""Idle by embeddings: where they hardly change, online as by the definition over all windows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.options import DetectorOptions
from stream.detection.stillness import AVERAGED_S, CHANGE_S, FEWEST_CHANGES, StillnessTracker
from stream.pipeline.codec import pack, unpack
from stream.pipeline.items import Float32
from tests.support.properties import examples

OPTIONS = DetectorOptions()
AROUND_S = (0.0, 2.1)


def sketches(kinds: list[str], seed: int = 0) -> list[Float32]:
    """One window a second: at work it moves on, at rest it stays but for noise."""
    rng = np.random.default_rng(seed)
    place, rows = rng.normal(size=32), []
    for kind in kinds:
        place = 0.5 * place + np.sqrt(0.75) * rng.normal(size=32) if kind == "work" else place
        rows.append(np.asarray(place + 0.2 * rng.normal(size=32), np.float32))
    return rows


def tracked(times_s: list[float], rows: list[Float32]) -> StillnessTracker:
    tracker = StillnessTracker(OPTIONS, AROUND_S)
    for t_s, row in zip(times_s, rows, strict=True):
        tracker.add(t_s, row)
    return tracker


def expected(times_s: list[float], rows: list[Float32]) -> list[tuple[float, float]]:
    """The definition, over all windows at once."""
    changes: list[tuple[float, float, float]] = []
    merged: list[tuple[float, float]] = []
    since = 0
    for i, t_s in enumerate(times_s):
        earlier = [j for j in range(i) if times_s[j] <= t_s - CHANGE_S]
        if not earlier:
            continue
        if times_s[earlier[-1]] < t_s - 2 * CHANGE_S:
            since = len(changes)
            continue
        difference = rows[i].astype(np.float64) - rows[earlier[-1]]
        changes.append((times_s[earlier[-1]], t_s, float(difference @ difference) / 2))
        recent = [each for each in changes[since:] if each[1] > t_s - AVERAGED_S]
        if len(changes) < FEWEST_CHANGES or recent[0][0] > t_s - AVERAGED_S:
            continue
        limit = OPTIONS.idle_change * float(np.quantile([each[2] for each in changes], 0.5, method="inverted_cdf"))
        if np.mean([each[2] for each in recent]) >= limit:
            continue
        edge = (limit + min(each[2] for each in recent)) / 2
        still = [each for each in recent if each[2] < edge]
        start_s, end_s = still[0][0] - AROUND_S[0], still[-1][1] + AROUND_S[1]
        if merged and start_s <= merged[-1][1] + 1e-6:
            merged[-1] = min(start_s, merged[-1][0]), max(end_s, merged[-1][1])
        else:
            merged.append((start_s, end_s))
    return [span for span in merged if span[1] - span[0] >= OPTIONS.idle_after_s]


def test_a_worker_who_stops_is_found() -> None:
    """Twenty seconds of rest are found to two seconds, twice, and nothing else."""
    kinds = (["work"] * 60 + ["rest"] * 20) * 2 + ["work"] * 30
    found = tracked([float(t) for t in range(190)], sketches(kinds)).within(0.0, 1e6)
    assert np.abs(np.array(found) - [(59, 81), (139, 161)]).max() <= 2.5


def test_work_is_not_idle_from_beginning_to_end() -> None:
    """In an hour of work nobody is idle; nor is anybody where all windows are the same, since nothing is usual."""
    times_s = [float(t) for t in range(3600)]
    assert tracked(times_s, sketches(["work"] * 3600)).within(0.0, 1e6) == []
    assert tracked(times_s[:200], [np.ones(32, np.float32)] * 200).within(0.0, 1e6) == []


def test_a_hole_is_not_rest() -> None:
    """Two windows that are alike, with a minute between them, do not show that nothing changed in that minute."""
    rows = sketches(["work"] * 60 + ["rest"] * 6 + ["rest"] * 6 + ["work"] * 30)
    times_s = [float(t) for t in (*range(66), *range(126, 162))]
    assert tracked(times_s, rows).within(70.0, 120.0) == []


@examples(60, fast=10)
@given(
    runs=st.lists(st.tuples(st.sampled_from(["work", "rest"]), st.integers(1, 40)), min_size=2, max_size=8),
    stride_s=st.sampled_from([0.5, 1.0, 2.0]),
    missing=st.sets(st.integers(0, 200), max_size=12),
    cut=st.integers(0, 200),
    seed=st.integers(0, 5),
)
def test_online_equals_the_definition_also_when_restored(
    runs: list[tuple[str, int]], stride_s: float, missing: set[int], cut: int, seed: int
) -> None:
    kinds = [kind for kind, length in runs for _ in range(length)]
    windows = [each for i, each in enumerate(zip(np.arange(len(kinds)) * stride_s, sketches(kinds, seed), strict=True))
               if i not in missing]  # fmt: skip
    times_s, rows = [float(t_s) for t_s, _ in windows], [row for _, row in windows]
    again = StillnessTracker(OPTIONS, AROUND_S)
    again.restore(unpack(pack(tracked(times_s[:cut], rows[:cut]).snapshot())))
    for t_s, row in zip(times_s[cut:], rows[cut:], strict=True):
        again.add(t_s, row)
    whole = tracked(times_s, rows)
    assert again.within(-1e6, 1e6) == whole.within(-1e6, 1e6)
    np.testing.assert_allclose(whole.within(-1e6, 1e6), np.reshape(expected(times_s, rows), (-1, 2)).tolist() or [])
