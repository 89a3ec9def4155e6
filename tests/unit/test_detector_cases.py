"""The staged cases and their figures."""

from pathlib import Path

import numpy as np
import pytest

from models.encoders.grid import GridEncoder
from stream.detection.options import DetectorOptions
from stream.pipeline.items import Float32
from tests.tools.detector_cases.cases import Insertion, StagedCase, cases
from tests.tools.detector_cases.footage import FPS, STORED_PX, endless_work
from tests.tools.detector_cases.measure import DetectedEvent, Tally, anomalies_of, table, tally
from tests.tools.detector_cases.peers import best, between
from tests.tools.detector_cases.ranges import CaseCounts, ConstantRange, _reach
from tests.tools.detector_cases.simulated import simulated_cases
from tests.tools.detector_cases.stored import read_cases, write_case
from tests.tools.detector_cases.windows import Studio

EVENT = Insertion(100, 115, 1)
CASE = StagedCase("event 15 s", "event 15 s 0.0", 0, 200, (EVENT,))


def two_works() -> Float32:
    """(199, 8) usual work under noise, with something else at ``EVENT``."""
    vectors = np.random.default_rng(0).normal(0, 0.1, (199, 8)).astype(np.float32)
    vectors[:, 0] += 1
    vectors[EVENT.start_s : EVENT.end_s, :2] += (-1, 1)
    return vectors


def test_cases_fit_into_their_clips_and_differ_between_splits() -> None:
    """Every insertion lies within its clip, shows another recording, and no two cases have one name."""
    for split in ("chosen", "held-out"):
        staged = list(cases(8, split))
        assert len({case.name for case in staged}) == len(staged)
        for case in staged:
            assert all(0 <= each.start_s < each.end_s <= case.duration_s for each in case.insertions)
            assert all(each.recording != case.recording for each in case.insertions)
    assert list(cases(8, "chosen")) != list(cases(8, "held-out"))


def test_a_window_that_shows_no_other_work_is_that_of_the_usual_work() -> None:
    """Staging keeps inner products: usual windows are alike in a case with an event and in one without."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (5 * FPS, STORED_PX, STORED_PX, 3), dtype=np.uint8) for _ in range(2)]
    studio = Studio(pictures, seed=0)
    plain = studio.units(StagedCase("usual", "usual", 0, 12))
    staged = studio.units(StagedCase("event", "event", 0, 12, (Insertion(6, 8, 1),)))
    before, after = plain @ plain.T, staged @ staged.T
    shows_usual = [start for start in range(len(plain)) if start + 64 / 30 <= 6 or start >= 8]
    assert after[np.ix_(shows_usual, shows_usual)] == pytest.approx(before[np.ix_(shows_usual, shows_usual)], abs=1e-4)
    assert after[0, 6] < before[0, 6]
    assert next(endless_work(pictures[0], 0)).shape == (GridEncoder.encoder_px, GridEncoder.encoder_px, 3)


def test_a_short_clip_is_the_beginning_of_a_longer_one() -> None:
    """What was staged of a longer clip is not staged again, and its pictures are those that peers get."""
    pictures = [np.random.default_rng(0).integers(0, 256, (5 * FPS, STORED_PX, STORED_PX, 3), dtype=np.uint8)] * 2
    plain, event = StagedCase("usual", "", 0, 6), StagedCase("event", "", 0, 6, (Insertion(2, 4, 1),))
    studio = Studio(pictures, seed=0)
    studio.units(StagedCase("usual", "", 0, 9))
    after, fresh = studio.units(plain), Studio(pictures, seed=0).units(plain)
    assert after @ after.T == pytest.approx(fresh @ fresh.T, abs=1e-4)
    differs = (studio.frames(event) != studio.frames(plain)).any(axis=(1, 2, 3))
    assert differs[2 * FPS : 4 * FPS].all()
    assert not differs[: 2 * FPS].any()
    assert not differs[4 * FPS :].any()


def test_figures_of_a_case(tmp_path: Path) -> None:
    """A stored case is read as it was written, and its event is found, with its delays."""
    write_case(tmp_path, "chosen", CASE, two_works())
    ((case, units),) = read_cases(tmp_path, "chosen")
    assert case == CASE
    assert list(read_cases(tmp_path, "chosen", ("usual",))) == []
    (found,) = anomalies_of(units, DetectorOptions(), case.duration_s)
    assert (found.start_s, found.end_s) == (100, 115)
    families = tally([(case, units)], DetectorOptions())
    assert "1 of 1" in table(families)
    assert families["event 15 s"].ious == [1.0]


def test_what_touches_no_event_is_false() -> None:
    """An event that is only touched is neither found nor a false alarm."""
    sums = Tally()
    sums.add(CASE, [DetectedEvent(20, 30, 24, 34), DetectedEvent(90, 102, 95, 106)])
    assert (sums.events, sums.found, sums.false) == (1, 0, 1)


def test_a_range_ends_before_the_first_loss() -> None:
    """Also where more is found at the price of an alarm."""

    def outcome(**values: float) -> CaseCounts:
        return CaseCounts(found=5 if values["evidence"] < 6 else 4, false=0 if values["evidence"] > 3 else 1)

    assert _reach("evidence", 4, (1.15, 1.3, 1.6), CaseCounts(5, 0), outcome) == (5.2, False)
    assert _reach("evidence", 4, (0.875, 0.7), CaseCounts(5, 0), outcome) == (3.5, False)


@pytest.mark.parametrize(("ends", "margin"), [((3.0, 8.0), 0.2), ((4.0, 8.0), 0.0), ((4.0, 4.0), 0.0)])
def test_the_margin_of_a_default_is_a_share_of_its_range(ends: tuple[float, float], margin: float) -> None:
    """From the nearer end; where the range is empty, there is no margin."""
    lowest, highest = ends
    found = ConstantRange("evidence", lowest, 4.0, highest, is_open_below=False, is_open_above=True)
    assert found.margin == pytest.approx(margin)
    assert found.line.endswith(f"{margin:4.0%}")


def test_simulated_cases_have_one_event_each() -> None:
    """Other work in the last two thirds, in which the windows are nearer to each other than to the usual ones."""
    ((case, units),) = simulated_cases(1 / 3)
    (event,) = case.events
    other, usual = units[event.start_s : event.end_s].mean(axis=0), units[: event.start_s].mean(axis=0)
    assert len(units) == case.duration_s
    assert case.duration_s / 3 <= event.start_s
    assert other @ other > other @ usual


def test_what_lies_between_two_near_changes_is_what_a_peer_found() -> None:
    """A stretch of more than a quarter of the clip is its usual work."""
    assert [(each.start_s, each.end_s) for each in between([60, 80, 140, 200], 240)] == [(0, 60), (60, 80), (80, 140),
        (140, 200), (200, 240)]  # fmt: skip
    assert [(each.start_s, each.end_s) for each in between([100, 115], 300)] == [(100, 115)]


def test_the_best_sensitivity_finds_most_for_its_false_alarms() -> None:
    """With 1 nothing is found, with 3 the event is, with 5 other things are as well."""
    found = {1.0: [], 3.0: [100, 115], 5.0: [20, 30, 100, 115, 180, 190]}
    assert best([(CASE, found.__getitem__)], tuple(found)) == 3.0
