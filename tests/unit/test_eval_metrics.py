"""The figures are what their definitions say, on examples reckoned by hand and in general."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.evaluation.evaluation import judge
from stream.evaluation.metrics import CRITERIA, EDGE_ERROR_MAX_S, IOU_MIN, Float64, best_pairs, count, extend, ious
from stream.evaluation.types import Stretch, edges_of, joined
from tests.support.properties import examples

PROPERTY = examples(150)

EVENTS = st.lists(st.integers(0, 300), max_size=12, unique=True).map(
    lambda edges: tuple(Stretch(float(a), float(b)) for a, b in zip(*[iter(sorted(edges))] * 2, strict=False))
)
"""Up to six disjoint events on whole seconds."""


def events(*spans: tuple[float, float]) -> tuple[Stretch, ...]:
    """Events from their edges."""
    return tuple(Stretch(start, end) for start, end in spans)


def test_pieces_that_touch_are_one_event() -> None:
    """Pieces that touch or overlap join, in any order, and keep the first opening and the last closing."""
    pieces = [
        Stretch(20, 30, 24, 33),
        Stretch(0, 10, 4, 10),
        Stretch(10, 15, 10, 18),
        Stretch(2, 5, 3, 6),
    ]
    assert joined(pieces) == (Stretch(0, 15, 4, 18), Stretch(20, 30, 24, 33))


def test_hand_reckoned_clip() -> None:
    """One hour with a good, a poor and a missed event and two false ones gives the figures reckoned by hand.

    IoUs: 8/12 for [10,20) against [12,22), 10/40 for [100,140) against [130,140).
    """
    true = events((10, 20), (100, 140), (300, 310))
    predicted = events((12, 22), (130, 140), (500, 505), (900, 930))
    row = judge(predicted, true, 3600.0).row()
    assert [row[f"hits_{name}"] for name in CRITERIA] == [1, 1, 0, 1, 1]
    assert row["precision_iou_0.5"] == pytest.approx(1 / 4)
    assert row["recall_iou_0.5"] == pytest.approx(1 / 3)
    assert row["f1_iou_0.5"] == pytest.approx(2 / 7)
    assert row["mean_iou"] == pytest.approx((8 / 12 + 10 / 40) / 3)
    assert row["time_precision"] == pytest.approx(18 / 55)
    assert row["time_recall"] == pytest.approx(18 / 60)
    assert row["time_f1"] == pytest.approx(36 / 115)
    assert (row["false_events"], row["false_events_per_hour"]) == (2, 2.0)
    assert (row["matched_events"], row["true_events"], row["predicted_events"]) == (2, 3, 4)
    assert (row["start_error_median_s"], row["start_error_worst_s"]) == (16.0, 30.0)
    assert (row["end_error_median_s"], row["end_error_worst_s"]) == (1.0, 2.0)


def test_latency_is_from_the_true_edge_to_the_moment_it_was_known() -> None:
    """Latencies take the true edges, not the predicted ones; where the moment is not known they are left out."""
    true = events((10, 20), (100, 140), (300, 310))
    predicted = (Stretch(12, 20, 15, 26), Stretch(99, 140, 98, 143), Stretch(300, 310))
    row = judge(predicted, true, 400.0).row()
    assert (row["opening_latency_median_s"], row["opening_latency_worst_s"]) == (1.5, 5.0)
    assert (row["closing_latency_median_s"], row["closing_latency_worst_s"]) == (4.5, 6.0)


def test_edge_tolerance_holds_for_both_edges_and_at_the_limit() -> None:
    """An edge error of exactly the tolerance is admitted, on either edge, also where decimals are not exact."""
    at_the_limit = judge(events((60.1, 80.1)), events((62.1, 78.1)), 100.0).row()
    one_edge_off = judge(events((60.0, 80.0)), events((60.0, 85.1)), 100.0).row()
    assert (at_the_limit["hits_edges_2s"], at_the_limit["hits_edges_5s"]) == (1, 1)
    assert (one_edge_off["hits_edges_2s"], one_edge_off["hits_edges_5s"]) == (0, 0)


def test_second_piece_of_a_found_event_is_neither_a_hit_nor_false() -> None:
    """Of two predictions in one true event one is matched, the other unmatched, and none counts as false."""
    judgement = judge(events((0, 60), (65, 80)), events((0, 80)), 100.0)
    assert [match.predicted for match in judgement.matches] == list(events((0, 60)))
    assert judgement.unmatched == events((65, 80))
    assert (judgement.false_events, judgement.row()["hits_iou_0.3"]) == (0, 1)


def test_order_and_cuts_of_the_predictions_do_not_matter() -> None:
    """Events in any order, and cut where a detector's longest duration ended, are judged as the whole ones."""
    true = events((10, 20), (100, 140))
    whole, pieces = events((12, 22), (95, 140)), events((120, 140), (95, 120), (12, 22))
    assert judge(pieces, true, 200.0).row() == judge(whole, true, 200.0).row()


@pytest.mark.parametrize(
    ("predicted", "pairs"),
    [
        (((0, 30), (31, 40)), {((0, 30), (0, 8)), ((31, 40), (10, 40))}),  # 8/30 + 9/30 > 20/40
        (((0, 38), (39, 40)), {((0, 38), (10, 40))}),  # 28/40 > 8/38 + 1/30
    ],
)
def test_matching_takes_the_larger_total(
    predicted: tuple[tuple[float, float], ...], pairs: set[tuple[tuple[float, float], tuple[float, float]]]
) -> None:
    """A prediction over two true events goes to the one for which all IoUs together are largest."""
    matches = judge(events(*predicted), events((0, 8), (10, 40)), 100.0).matches
    spans = {tuple((each.t_start_s, each.t_end_s) for each in (match.predicted, match.true)) for match in matches}
    assert spans == pairs


@pytest.mark.parametrize(
    ("predicted", "true", "undefined"),
    [
        ((), (), {"time_precision", "time_recall", "time_f1", "mean_iou", "f1_iou_0.5", "recall_iou_0.5"}),
        ((), ((1, 2),), {"time_precision", "precision_iou_0.5"}),
        (((1, 2),), (), {"time_recall", "recall_iou_0.5", "mean_iou"}),
    ],
)
def test_empty_sides_leave_figures_undefined(
    predicted: tuple[tuple[float, float], ...], true: tuple[tuple[float, float], ...], undefined: set[str]
) -> None:
    """What would be 0/0 is None; with one empty side F1 and what is defined are 0."""
    row = judge(events(*predicted), events(*true), 100.0).row()
    names = {f"{kind}_{name}" for kind in ("precision", "recall", "f1") for name in CRITERIA}
    names |= {"time_precision", "time_recall", "time_f1", "mean_iou"}
    assert undefined <= {name for name in names if row[name] is None}
    assert {row[name] for name in names} <= {None, 0.0}
    assert (row["f1_iou_0.5"] is None) == (predicted == true == ())


def test_pooling_sums_first() -> None:
    """Pooled figures are of all clips as if they were one, not the mean of the clips' figures."""
    one = judge(events((0, 10)), events((0, 10)), 1800.0)
    two = judge(events((0, 10), (20, 30), (40, 50)), (), 1800.0)
    row = (one + two).row()
    assert row["f1_iou_0.5"] == pytest.approx(2 / 5)
    assert (row["false_events_per_hour"], row["duration_s"], row["time_precision"]) == (3.0, 3600.0, 0.25)


@PROPERTY
@given(true=EVENTS)
def test_perfect_predictions_have_no_fault(true: tuple[Stretch, ...]) -> None:
    """Predictions equal to the truth have 1 in every quality and no false or missed event."""
    judgement = judge(true, true, 301.0)
    assert {float(value) for value in judgement.counts.qualities().values() if value is not None} <= {1.0}
    assert (judgement.false_events, judgement.missed, judgement.unmatched) == (0, (), ())


@PROPERTY
@given(one=EVENTS, other=EVENTS)
def test_sides_may_be_swapped(one: tuple[Stretch, ...], other: tuple[Stretch, ...]) -> None:
    """Every F1 and the seconds in common are the same with the sides exchanged; precision and recall change places."""
    there, back = (judge(*sides, 301.0).row() for sides in ((one, other), (other, one)))
    for name in CRITERIA:
        assert there[f"f1_{name}"] == back[f"f1_{name}"]
        assert there[f"precision_{name}"] == back[f"recall_{name}"]
    assert there["time_f1"] == back["time_f1"]
    assert there["time_precision"] == back["time_recall"]


@PROPERTY
@given(predicted=EVENTS, true=EVENTS)
def test_stricter_rules_find_no_more(predicted: tuple[Stretch, ...], true: tuple[Stretch, ...]) -> None:
    """Hits grow neither with the IoU asked for, nor with a smaller tolerance, nor beyond the events there are."""
    hits = judge(predicted, true, 301.0).counts.hits
    by_iou = [float(hits[f"iou_{least}"]) for least in IOU_MIN]
    by_edge = [float(hits[f"edges_{most:g}s"]) for most in EDGE_ERROR_MAX_S]
    assert by_iou == sorted(by_iou, reverse=True)
    assert by_edge == sorted(by_edge)
    assert max(*by_iou, *by_edge) <= min(len(predicted), len(true))


@PROPERTY
@given(predicted=EVENTS, true=EVENTS)
def test_matches_are_one_to_one(predicted: tuple[Stretch, ...], true: tuple[Stretch, ...]) -> None:
    """No event of either side is matched twice, and matched and other events together are all events."""
    judgement = judge(predicted, true, 301.0)
    predicted_once = [*(match.predicted for match in judgement.matches), *judgement.unmatched]
    true_once = [*(match.true for match in judgement.matches), *judgement.missed]
    assert tuple(sorted(predicted_once, key=lambda event: event.t_start_s)) == predicted
    assert tuple(sorted(true_once, key=lambda event: event.t_start_s)) == true
    assert sum(match.iou for match in judgement.matches) == pytest.approx(float(judgement.counts.iou_sum))


def best_of_all(worth: Float64) -> float:
    """The largest total over every one-to-one assignment, tried one by one."""
    few, many = sorted(worth.shape)
    rows = worth if worth.shape[0] == few else worth.T
    totals = (sum(rows[i, j] for i, j in enumerate(chosen)) for chosen in permutations(range(many), few))
    return float(max(totals, default=0.0))


@PROPERTY
@given(predicted=EVENTS.map(lambda some: some[:5]), true=EVENTS.map(lambda some: some[:5]))
def test_matching_is_the_best_of_all_assignments(predicted: tuple[Stretch, ...], true: tuple[Stretch, ...]) -> None:
    """The order-keeping matching equals brute force, for the total IoU and for the hits of every criterion."""
    predicted_edges, true_edges = edges_of(predicted), edges_of(true)
    iou = ious(predicted_edges, true_edges)
    error_s = np.abs(predicted_edges[:, None] - true_edges[None]).max(axis=-1)
    counts = count(predicted_edges, true_edges)
    assert float(counts.iou_sum) == pytest.approx(best_of_all(iou))
    for least in IOU_MIN:
        assert counts.hits[f"iou_{least}"] == best_of_all((iou >= least - 1e-9).astype(float))
    for most in EDGE_ERROR_MAX_S:
        assert counts.hits[f"edges_{most:g}s"] == best_of_all((error_s <= most).astype(float))


@PROPERTY
@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), max_size=5))
def test_pairs_have_the_total_that_was_found(rows: list[list[float]]) -> None:
    """The pairs that are traced back add up to the largest total, and are in order on both sides."""
    worth = np.array(rows).reshape(-1, 4)
    best = np.zeros(5)
    for row in worth:
        best = extend(best, row)
    pairs = best_pairs(worth)
    assert sum(worth[pair] for pair in pairs) == pytest.approx(best[-1])
    assert all(one[0] < next_one[0] and one[1] < next_one[1] for one, next_one in pairwise(pairs))
