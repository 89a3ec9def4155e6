"""Every constant of the detection and of the partition into segments, once."""

from typing import ClassVar, Self

from pydantic import model_validator

from stream.records.schema.options import LONGEST_WAIT_S, OptionGroup, conflict, identity_field, option


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
        "Warm-up, in seconds, in which normal work is learned and no anomaly can open; repeated after "
        "each re-learning.",
        identity=True,
        ge=0,
        le=LONGEST_WAIT_S,
    )
    memory_windows: int = option(
        1800,
        "Windows that the reference and the statistics remember; older ones fade.",
        identity=True,
        ge=10,
        le=1_000_000,
    )
    floor_mads: float = option(
        5.2,
        "Distance of theta_on above the median, in robust standard deviations (1.4826 MAD).",
        identity=True,
        ge=0,
        le=1000,
    )
    settle_windows: float = option(
        15.0,
        "After n windows, that distance is multiplied by 1 + (this / n)^2: a spread estimated from few "
        "windows is unreliable.",
        identity=True,
        ge=0,
        le=1_000_000,
    )
    fast_rate: float = option(
        1e-5,
        "Chance, for a window of usual work, that the lowest of the last four unsmoothed scores exceeds the limit of "
        "the fast test; an anomaly also opens there. 0: no fast test.",
        identity=True,
        ge=0,
        le=0.1,
    )
    hysteresis: float = option(
        0.5, "theta_off = median + this * (theta_on - median) (published).", identity=True, ge=0, le=1
    )
    debounce_on: int = option(
        3, "Consecutive windows above theta_on that open an anomaly (published).", identity=True, ge=1, le=10_000
    )
    debounce_off: int = option(
        3, "Consecutive windows below theta_off that close an anomaly (published).", identity=True, ge=1, le=10_000
    )
    quiet_windows: float = option(
        2.5,
        "An anomaly closes once its unsmoothed score has been normal again for so many windows; a window counts from "
        "-1 to 1 (at the median or below).",
        identity=True,
        gt=0,
        le=1_000_000,
    )
    evidence: float = option(
        4.0,
        "Sum of the unsmoothed heights above theta_on that opens an anomaly; a window counts from -1 "
        "(at the median) to 1.",
        identity=True,
        ge=0,
        le=10_000,
    )
    fade_ratio: float = option(
        0.25,
        "An anomaly ends where its unsmoothed score falls below this share of its mean height.",
        identity=True,
        ge=0,
        le=1,
    )
    shortest_s: float = option(3.0, "Shortest anomaly, in seconds (published).", identity=True, ge=0, le=LONGEST_WAIT_S)
    longest_anomaly_s: float = option(
        180.0,
        "An anomaly that lasts this long, in seconds, or outweighs all that was learned, becomes the new normal work.",
        identity=True,
        ge=1,
        le=LONGEST_WAIT_S,
    )
    mode_windows: int = option(
        50,
        "Work that was anomalous and returns is usual once so many windows of it have been seen.",
        identity=True,
        ge=10,
        le=1_000_000,
    )
    sure_windows: int = option(
        60,
        "An anomaly that begins when fewer windows of usual work are known is announced when it ends: it may be the "
        "usual work.",
        identity=True,
        ge=0,
        le=1_000_000,
    )
    max_segment_s: float = option(
        30.0, "Longest segment, in seconds; longer stretches are cut.", identity=True, ge=1, le=3600
    )
    cut_ratio: float = option(
        0.25,
        "A cut is placed at the strongest change within this last share of the longest segment.",
        identity=True,
        ge=0,
        le=1,
    )
    idle_after_s: float = option(
        5.0,
        "A stretch in which nothing moves is idle from this length on, in seconds.",
        flag="--idle-after-s",
        identity=True,
        ge=0,
        le=LONGEST_WAIT_S,
    )
    idle_threshold: float = option(
        0.01,
        "Nothing moves if the share of the picture that moves independently of the head is at most this.",
        flag="--idle-threshold",
        identity=True,
        ge=0,
        le=1,
    )
    idle_change: float = option(
        0.6,
        "A stretch is also idle if embeddings change less in it than this share of their usual change.",
        flag="--idle-change",
        identity=True,
        ge=0,
        le=1,
    )
    period_windows: int = option(
        240,
        "Windows that are searched for a repetition, which must fit into them three times.",
        identity=True,
        ge=1,
        le=3600,
    )

    warm_start_sha256: str | None = identity_field(default=None)
    """Of the file with what the detector begins with; None: it begins with nothing."""

    @model_validator(mode="after")
    def _require_room_for_an_anomaly(self) -> Self:
        if self.longest_anomaly_s <= self.shortest_s:
            raise conflict(self, ("longest_anomaly_s", "above"), ("shortest_s", "below"))
        return self
