"""The bank: work that returns becomes usual."""

from hypothesis import given
from hypothesis import strategies as st

from stream.detection.bank import MOST_MODES
from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from tests.support.properties import examples
from tests.unit.test_detection_causal import SHORT, changes_of, scene, steps_of


def test_two_stations_are_both_usual() -> None:
    """The first visit to the second station is an anomaly, later ones are not; another work between them still is."""
    visits = [scene(60, visit % 2, visit) for visit in range(10)]
    visits[7][20:35] = scene(15, 2, 99)
    steps = steps_of([unit for visit in visits for unit in visit], DetectorOptions())
    changes = [step.change for step in steps if step.change]
    opened = [change.t_s for change in changes if change.kind == "anomalous"]
    assert opened == [60.0, 440.0]
    assert next(change.t_s for change in changes if change.kind == "typical") == 120.0
    assert [steps[second].mode for second in (110, 150, 230, 290, 350, 445)] == [None, 0, 1, 0, 1, None]


def test_a_short_anomaly_that_returns_becomes_usual_only_after_a_while() -> None:
    """Twenty seconds, again and again: it is an anomaly until ``mode_windows`` windows of it have been seen."""
    units = [unit for visit in range(6) for unit in (*scene(60, 0, visit), *scene(20, 1, 50 + visit))]
    opened = [change.t_s for change, _ in changes_of(units, DetectorOptions()) if change.kind == "anomalous"]
    assert opened == [60.0, 140.0, 220.0]


def test_the_bank_is_bounded_and_forgets_what_is_oldest() -> None:
    """However many kinds of anomalies there are, few are known, the current usual work among them."""
    detector = CausalDetector(SHORT)
    units = [unit for kind in range(1, 8) for unit in (*scene(40, 0, kind), *scene(15, kind, 50 + kind))]
    for t_s, unit in enumerate(units):
        detector.push(float(t_s), unit)
    assert len(detector._usual._known) == MOST_MODES
    assert detector._usual.number == 0


@examples(30, fast=5)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(5, 70)), min_size=1, max_size=8), st.data())
def test_a_restored_bank_continues_exactly(work: list[tuple[int, int]], data: st.DataObject) -> None:
    """Whatever is visited in which order, a detector that was restored at any window gives the same steps."""
    units = [unit for visit, (axis, windows) in enumerate(work) for unit in scene(windows, axis, visit)]
    at = data.draw(st.integers(0, len(units)))
    expected = steps_of(units)
    first, second = CausalDetector(SHORT), CausalDetector(SHORT)
    for t_s in range(at):
        first.push(float(t_s), units[t_s])
    second.restore(first.snapshot())
    assert [second.push(float(t_s), units[t_s]) for t_s in range(at, len(units))] == expected[at:]
