"""Every constant of the detection and of the partition into segments, once."""

from typing import ClassVar, Self

from pydantic import model_validator

from stream.records.schema.options import OptionGroup, option


class DetectorOptions(OptionGroup):
    """Constants of the detector. The defaults are the published values where the help says so.

    Names that end in ``_s`` are seconds of the source, those in ``_windows`` count windows of the encoder (by default
    one per second).
    """

    title: ClassVar[str] = "Detector"
    prefix: ClassVar[str] = "detector"

    alpha: float = option(
        0.15, "Weight of the newest score in the moving average (published).", identity=True, gt=0, le=1
    )
    warmup_s: float = option(
        30.0,
        "Time in which the usual work is learned and no anomaly may open; again after each re-learning.",
        identity=True,
        ge=0,
    )
    memory_windows: int = option(
        1800, "Windows that the reference and the statistics stand for; beyond, the oldest fade.", identity=True, ge=10
    )
    floor_mads: float = option(
        4.7,
        "theta_on lies at least this many robust standard deviations (1.4826 MAD) above the median.",
        identity=True,
        ge=0,
    )
    settle_windows: float = option(
        40.0,
        "That floor times 1 + (this / n)^2: a spread known from only n windows is not trusted.",
        identity=True,
        ge=0,
    )
    floor_ratio: float = option(
        0.05, "theta_on lies at least this share of the median above it, however small the spread.", identity=True, ge=0
    )
    separability: float = option(
        0.75,
        "Otsu's threshold counts where its classes explain this share of the variance (0.75: uniform).",
        identity=True,
        ge=0,
        le=1,
    )
    otsu_cap_mads: float = option(
        20.0,
        "Otsu lifts theta_on no further than this: an extreme anomaly must not hide the next one.",
        identity=True,
        ge=0,
    )
    hysteresis: float = option(
        0.5, "theta_off = median + this (theta_on - median) (published).", identity=True, ge=0, le=1
    )
    debounce_on: int = option(
        3, "Windows in a row above theta_on before an anomaly opens (published).", identity=True, ge=1
    )
    debounce_off: int = option(
        3, "Windows in a row below theta_off before one closes (published).", identity=True, ge=1
    )
    quiet_windows: int = option(
        8,
        "An anomaly also closes when its unsmoothed score has been usual for so long: the EMA lags.",
        identity=True,
        ge=1,
    )
    evidence: float = option(
        4.0,
        "Sum of the unsmoothed heights above theta_on that opens an anomaly; a window counts -1 (at the median) to 1.",
        identity=True,
        ge=0,
    )
    fade_ratio: float = option(
        0.25,
        "An anomaly ends where its unsmoothed score falls under this share of its mean height.",
        identity=True,
        ge=0,
        le=1,
    )
    shortest_s: float = option(3.0, "Shortest anomaly (published).", identity=True, ge=0)
    longest_anomaly_s: float = option(
        180.0,
        "After this, or when it outweighs all that was learned, an anomaly is the new usual work.",
        identity=True,
        ge=1,
    )
    max_segment_s: float = option(30.0, "Longest segment; a longer stretch is cut.", identity=True, ge=1)
    cut_ratio: float = option(
        0.25,
        "A cut falls on the strongest change within this last share of the longest segment.",
        identity=True,
        ge=0,
        le=1,
    )
    period_windows: int = option(
        120, "Windows in which a repetition is looked for; it must fit in three times.", identity=True, ge=1
    )

    @model_validator(mode="after")
    def _require_room_for_an_anomaly(self) -> Self:
        if self.longest_anomaly_s <= self.shortest_s:
            raise ValueError(
                f"--detector-longest-anomaly-s {self.longest_anomaly_s:g}: "
                f"must be above --detector-shortest-s {self.shortest_s:g}"
            )
        return self
