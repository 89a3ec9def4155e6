"""The options: published defaults, bounds, and clear errors."""

import math

import pytest

from stream.config import OPTIONS, Options, validate
from stream.detection.options import DetectorOptions
from stream.errors import UsageError

PATHS = [path for path in OPTIONS if path.startswith("detector.")]


def test_published_values_are_the_defaults() -> None:
    """EMA 0.15, hysteresis at half, debounce 3 and 3, shortest 3 s."""
    options = DetectorOptions()
    assert (options.alpha, options.hysteresis, options.debounce_on, options.debounce_off) == (0.15, 0.5, 3, 3)
    assert options.shortest_s == 3.0


def validated(path: str, value: float) -> Options:
    """Options with one of the detector's."""
    return validate({"source": "clip.mp4", "detector": {path.removeprefix("detector."): value}})


def test_every_constant_is_an_option() -> None:
    """None of them is left out of the command line, which has no digest of what ``--warm-start`` takes over."""
    fields = [f"detector.{name}" for name in DetectorOptions.model_fields]
    assert fields == [*PATHS, "detector.warm_start_sha256"]


@pytest.mark.parametrize("path", PATHS)
def test_every_option_has_a_meaning_and_bounds_that_hold(path: str) -> None:
    """Each field says what it means, and refuses what is below its lowest value, and what is no finite number."""
    option = OPTIONS[path]
    assert option.extra["help"].endswith(".")
    with pytest.raises(UsageError, match=f"^{option.flag} -1: must be {option.range}$"):
        validated(path, -1)
    for bad in (math.nan, math.inf):
        with pytest.raises(UsageError, match=f"^{option.flag} {bad}: must be a (finite|whole) number, {option.range}$"):
            validated(path, bad)


def test_the_error_names_the_option_its_value_and_what_would_be_right() -> None:
    """One sentence with all three."""
    with pytest.raises(UsageError, match=r"^--detector-alpha 1\.5: must be above 0 and at most 1$"):
        validated("detector.alpha", 1.5)
    message = r"^--detector-longest-anomaly-s 5: must be above --detector-shortest-s 9$"
    with pytest.raises(UsageError, match=message):
        validate({"source": "clip.mp4", "detector": {"longest_anomaly_s": 5, "shortest_s": 9}})
