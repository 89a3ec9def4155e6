"""Other work in the warm-up does not count as usual."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from stream.detection.warm_up import BLOCKS, Minority, WarmUp, find_minority
from stream.pipeline.items import Float64
from tests.support.properties import examples
from tests.unit.test_detection_causal import changes_of, scene, steps_of

DEFAULT = DetectorOptions()


def warm_up_of(axes: list[int], seed: int = 0) -> tuple[WarmUp, list[Float64]]:
    """A warm-up of three windows a block, with the work of each block."""
    warm_up, units = WarmUp(), []
    for block, axis in enumerate(axes):
        for number, unit in enumerate(scene(3, axis, seed + block)):
            warm_up.add(unit, (block + number / 3) / BLOCKS)
            units.append(unit)
    return warm_up, units


@examples(40)
@given(st.integers(0, 1000), st.integers(0, 8), st.integers(2, 4))
def test_the_majority_is_the_sum_of_all_others(seed: int, first: int, blocks: int) -> None:
    """Wherever a run of other work lies, what is left is the sum of the windows outside it, to half precision."""
    axes = [1 if first <= block < first + blocks else 0 for block in range(BLOCKS)]
    warm_up, units = warm_up_of(axes, seed)
    majority = warm_up.majority()
    if axes.count(1) < 2:
        return
    assert majority is not None
    total, count, share = majority
    usual = [unit for number, unit in enumerate(units) if axes[number // 3] == 0]
    assert (count, share) == (len(usual), axes.count(1) / BLOCKS)
    assert total == pytest.approx(np.sum(usual, axis=0), abs=0.01 * len(usual))


@pytest.mark.parametrize(
    "axes",
    [[0] * 10, [0, 1] * 5, [0] * 9],
    ids=["one work", "alternating", "not over"],
)
def test_nothing_is_left_out_where_there_is_no_minority(axes: list[int]) -> None:
    """One work, two that alternate, and a warm-up that is not over."""
    assert warm_up_of(axes)[0].majority() is None


def test_half_of_the_blocks_are_a_minority_between_others() -> None:
    """The rest was there before, and returned."""
    sums = np.array(
        [np.sum(scene(3, axis, block), axis=0) for block, axis in enumerate([0, 0, 1, 1, 1, 1, 1, 0, 0, 0])]
    )
    assert find_minority(sums.astype(np.float32)) == Minority(2, 5)


@pytest.mark.parametrize("start", [0, 9, 18])
def test_other_work_in_the_warm_up_hides_no_later_event(start: int) -> None:
    """Twelve seconds of other work, anywhere in it: the warm-up takes longer, and only the later event is found."""
    units = scene(160, 0, 0)
    units[start : start + 12] = scene(12, 1, 1)
    units[100:115] = scene(15, 2, 2)
    steps = steps_of(units, DEFAULT)
    assert [step.change.t_s for step in steps if step.change] == [100.0, 115.0]
    first = next(step.t_start_s for step in steps if step.thresholds)
    assert 39 <= first <= 45


def test_the_same_other_work_is_found_when_it_comes_again() -> None:
    """What was left out is not usual."""
    units = [*scene(10, 0, 0), *scene(12, 1, 1), *scene(80, 0, 2), *scene(15, 1, 3), *scene(40, 0, 4)]
    assert [change.t_s for change, _ in changes_of(units, DEFAULT)] == [102.0, 117.0]


@pytest.mark.parametrize("at", [5, 29, 30, 31, 60])
def test_a_restored_warm_up_continues_exactly(at: int) -> None:
    """Before, at and after its end; what it held is gone then."""
    units = scene(120, 0, 0)
    units[9:21] = scene(12, 1, 1)
    expected = steps_of(units, DEFAULT)
    first, second = CausalDetector(DEFAULT), CausalDetector(DEFAULT)
    for t_s in range(at):
        first.push(float(t_s), units[t_s])
    second.restore(first.snapshot())
    assert [second.push(float(t_s), units[t_s]) for t_s in range(at, len(units))] == expected[at:]
    assert second.snapshot()["warm_up"] is None
