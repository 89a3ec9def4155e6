"""Statistics of a data set's features, exact over all frames; of the pictures, over about one a second.

Quantiles are computed over everything and not averaged over episodes, which LeRobot up to 0.6.1 did and 0.6.1 undid.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exporters.dataset.store import Row

QUANTILES: Final = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

Statistics = dict[str, Any]


def column_statistics(values: npt.NDArray[Any]) -> Statistics:
    """Of a column, (N,) numbers; every entry is a list of one number."""
    wide = values.astype(np.float64)
    found = {
        "min": [float(wide.min())],
        "max": [float(wide.max())],
        "mean": [float(wide.mean())],
        "std": [float(wide.std())],
        "count": [len(values)],
    }
    quantiles = np.quantile(wide, list(QUANTILES.values()))
    return found | {name: [float(value)] for name, value in zip(QUANTILES, quantiles, strict=True)}


def picture_statistics(rows: Sequence[Row]) -> Statistics:
    """Of the pictures, from their histograms: (3, 1, 1) nested lists in 0..1, and the number of frames."""
    counts = np.array([row.clip.rgb_histogram for row in rows], dtype=np.int64).sum(axis=0)
    values = np.arange(256) / 255.0
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = np.maximum(counts @ values**2 / total - mean**2, 0.0)
    shown = np.asarray(counts > 0)
    found = {
        "min": _per_channel(values[shown.argmax(axis=1)]),
        "max": _per_channel(values[255 - shown[:, ::-1].argmax(axis=1)]),
        "mean": _per_channel(mean),
        "std": _per_channel(np.sqrt(variance)),
        "count": [sum(row.episode.frames for row in rows)],
    }
    below = np.cumsum(counts, axis=1)
    for name, share in QUANTILES.items():
        at = [int(np.searchsorted(below[channel], share * total[channel])) for channel in range(3)]
        found[name] = _per_channel(values[at])
    return found


def without_quantiles(statistics: Mapping[str, Any]) -> Statistics:
    """The statistics of format v2.1."""
    return {name: value for name, value in statistics.items() if name not in QUANTILES}


def _per_channel(values: npt.NDArray[np.float64]) -> list[list[list[float]]]:
    return [[[float(value)]] for value in values]
