"""One clip, ready to be judged."""

from dataclasses import dataclass

from stream.evaluation.anomaly import Anomaly


@dataclass(frozen=True, slots=True)
class Clip:
    """Predicted and true anomalies of one clip, each side sorted and disjoint."""

    stem: str
    predicted: tuple[Anomaly, ...]
    true: tuple[Anomaly, ...]
    duration_s: float
    duration_known: bool = True
    """False where the last end that either side knows stands for the clip's length."""
