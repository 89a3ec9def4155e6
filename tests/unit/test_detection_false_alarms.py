"""Silence where nothing happens, and not by being deaf: the bench of false alarms, in small."""

import pytest
from click.testing import CliRunner

from stream.detection.options import DetectorOptions
from tests.support.properties import tries
from tests.tools.false_alarms import events, is_found, main, simulated_work


@pytest.mark.slow
def test_hours_of_usual_work_raise_no_alarm() -> None:
    """Three hours of noise, drift, cycles and bursts of head motion, in clips of 20 minutes: not one event."""
    clips = tries(9)
    assert [events(simulated_work(seed, 1200), DetectorOptions()) for seed in range(clips)] == [[]] * clips


@pytest.mark.slow
def test_hours_in_one_piece_raise_no_alarm() -> None:
    """A long stream, much longer than the memory of the statistics: not one event in two hours."""
    assert events(simulated_work(7, tries(2) * 3600), DetectorOptions()) == []


def test_other_work_in_the_same_clips_is_found() -> None:
    """Twenty seconds of other work, somewhere in each clip, are found."""
    assert all(is_found(seed, 600, DetectorOptions()) for seed in range(tries(12)))


def test_a_detector_without_a_floor_fails_the_bench() -> None:
    """The bench can tell: with a threshold at the median it counts alarms."""
    deaf_to_nothing = DetectorOptions(floor_mads=0, evidence=0)
    assert len(events(simulated_work(0, 1200), deaf_to_nothing)) > 3


def test_the_command_reports_both_figures() -> None:
    """The bench prints alarms an hour, and how much of other work was found."""
    result = CliRunner().invoke(main, ["--hours", "0.2", "--clip-minutes", "6"], catch_exceptions=False)
    assert "0 false alarms in 0.2 h of 6-minute clips: 0.000 an hour" in result.output
    assert "2 of 2 stretches of other work found" in result.output
