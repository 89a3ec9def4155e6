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
from tests.tools.detector_cases.ranges import CaseCounts, _reach
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
