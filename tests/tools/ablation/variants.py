"""What is compared: every encoder with the detector as it is, then every detector setting on one encoder."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from stream.detection.options import DetectorOptions
from stream.records.schema.options import LONGEST_WAIT_S
from tests.tools.ablation.detectors import Found, adjacent_windows, causal, offline
from tests.tools.ablation.encoders import VIEWS
from tests.tools.ablation.series import EmbeddingSeries

Detector: TypeAlias = Callable[[EmbeddingSeries, DetectorOptions], Found]

DEFAULT: Final = DetectorOptions()
_BEYOND_ALL: Final = 1_000_000
"""For options that may not be infinite."""

SETTINGS: Final[dict[str, DetectorOptions]] = {
    "causal": DEFAULT,
    "no EMA": DetectorOptions(alpha=1.0),
    "no floor": DetectorOptions(floor_mads=0.0),
    "floor without settling": DetectorOptions(settle_windows=0.0),
    "no fast test": DetectorOptions(fast_rate=0),
    "no hysteresis": DetectorOptions(hysteresis=1.0),
    "no debounce": DetectorOptions(debounce_on=1, debounce_off=1),
    "closed by the EMA alone": DetectorOptions(quiet_windows=_BEYOND_ALL),
    "no evidence": DetectorOptions(evidence=0.0),
    "no fading": DetectorOptions(fade_ratio=0.0),
    "no shortest anomaly": DetectorOptions(shortest_s=0.0),
    "no longest anomaly": DetectorOptions(longest_anomaly_s=LONGEST_WAIT_S),
    "short warm-up": DetectorOptions(warmup_s=5.0),
    "short warm-up, no settling": DetectorOptions(warmup_s=5.0, settle_windows=0.0),
    "no return": DetectorOptions(mode_windows=_BEYOND_ALL),
    "nothing held back": DetectorOptions(sure_windows=0),
    "short memory": DetectorOptions(memory_windows=60),
}
"""The causal detector with one mechanism after the other switched off, as good as off, or made weak."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table."""

    varies: Literal["encoder", "detector"]
    name: str
    series: str
    """Which series of a clip it works on."""
    detect: Detector
    options: DetectorOptions = DEFAULT
    not_run: str = ""
    """Why it is not run; empty where it is."""

    def changed(self) -> dict[str, float]:
        """The detector's options that are not the default ones."""
        values = self.options.model_dump()
        return {name: value for name, value in values.items() if value != getattr(DEFAULT, name)}

    def is_default(self) -> bool:
        """Whether this is the detector of the chain, as it is."""
        return self.detect is causal and self.options == DEFAULT


def encoder_variants(encoders: Collection[str]) -> list[Variant]:
    """Every view with the causal detector, and single frames with the naive one; ``encoders`` are those there are."""
    rows = [
        Variant("encoder", name, name, causal, not_run="" if view.encoder in encoders else _missing(view.encoder))
        for name, view in VIEWS.items()
    ]
    return [*rows, Variant("encoder", "single frame, adjacent windows", "single frame", adjacent_windows)]


def detector_variants(series: str) -> list[Variant]:
    """The published detector, the causal one in all ``SETTINGS``, and the naive one."""
    return [
        Variant("detector", "offline, published", series, offline),
        *(Variant("detector", name, series, causal, options) for name, options in SETTINGS.items()),
        Variant("detector", "adjacent windows", series, adjacent_windows),
    ]


def _missing(encoder: str) -> str:
    return f"not run: {encoder} needs weights, name them with --encoder-model"
