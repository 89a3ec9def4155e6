"""The options: published defaults, bounds, and clear errors."""

from dataclasses import Field, fields
from typing import Any

import pytest

from stream.detection.options import DetectorOptions
from stream.errors import UsageError


def test_published_values_are_the_defaults() -> None:
    """EMA 0.15, hysteresis at half, debounce 3 and 3, shortest 3 s."""
    options = DetectorOptions()
    assert (options.alpha, options.hysteresis, options.debounce_on, options.debounce_off) == (0.15, 0.5, 3, 3)
    assert options.shortest_s == 3.0


@pytest.mark.parametrize("option", fields(DetectorOptions), ids=lambda option: option.name)
def test_every_option_has_a_meaning_and_bounds_that_hold(option: Field[float]) -> None:
    """Each field says what it means, and refuses what is below its lowest value, and what is no number."""
    assert option.metadata["help"].endswith(".")
    for bad in (option.metadata["lowest"] - 1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"^{option.name} is {bad}, expected a finite number"):
            DetectorOptions(**dict[str, Any]({option.name: bad}))


def test_the_error_names_the_option_its_value_and_what_would_be_right() -> None:
    """One sentence with all three."""
    with pytest.raises(UsageError, match=r"^alpha is 1\.5, expected a finite number between 0\.001 and 1$"):
        DetectorOptions(alpha=1.5)
    with pytest.raises(UsageError, match=r"^longest_anomaly_s is 5, expected more than shortest_s$"):
        DetectorOptions(longest_anomaly_s=5, shortest_s=9)
