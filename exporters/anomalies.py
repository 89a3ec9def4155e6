"""``anomalies.json``: the anomalous segments of both detectors."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from exporters.analysis import analysis_of, closed_segments, opened_segments
from exporters.run_view import RunView
from stream.pipeline.facts import Seconds
from stream.records.store.atomic import replace_file


class AnomalyRecord(BaseModel):
    """One anomalous segment, [t_start_s, t_end_s)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: str
    """The stem of the clip's files."""
    mode: Literal["causal", "offline"]
    """Causal: detected while the clip played. Offline: computed from the whole clip."""
    segment_id: str | None
    """The run's segment; None for offline. A long anomaly is split into several adjacent segments."""
    kind: Literal["anomalous"] = "anomalous"
    t_start_s: Seconds
    t_end_s: Seconds
    detected_at_s: float | None
    """Stream time at which the segment was opened; None for offline."""
    score_mean: float | None
    score_max: float | None
    theta_on: float | None
    """For causal, the value when the segment closed."""
    theta_off: float | None
    options: dict[str, Any]
    """The detector's options."""


ANOMALIES: TypeAdapter[list[AnomalyRecord]] = TypeAdapter(list[AnomalyRecord])


def export(runs: Sequence[RunView], destination: Path) -> list[Path]:
    """Write the anomalies of all runs to one file: of each run the causal ones first."""
    anomalies = [
        anomaly for run in runs for found in (causal_anomalies(run), offline_anomalies(run)) for anomaly in found
    ]
    path = destination / "anomalies.json"
    replace_file(path, ANOMALIES.dump_json(anomalies, indent=1) + b"\n")
    return [path]


def read_anomalies(path: Path) -> list[AnomalyRecord]:
    """Read a file that ``export`` wrote."""
    return ANOMALIES.validate_json(path.read_bytes())


def causal_anomalies(run: RunView) -> Iterator[AnomalyRecord]:
    """The anomalies that a run announced; for a bare folder, those of the replay."""
    opened = opened_segments(run)
    for segment in closed_segments(run):
        if segment.kind == "anomalous":
            yield AnomalyRecord(
                clip=run.stem,
                mode="causal",
                segment_id=segment.segment_id,
                t_start_s=segment.t_start_s,
                t_end_s=segment.t_end_s,
                detected_at_s=opened[segment.segment_id].detected_at_s,
                score_mean=segment.score_mean,
                score_max=segment.score_max,
                theta_on=segment.theta_on,
                theta_off=segment.theta_off,
                options=run.detector.model_dump(),
            )


def offline_anomalies(run: RunView) -> Iterator[AnomalyRecord]:
    """The anomalies that the whole clip shows."""
    analysis = analysis_of(run)
    offline = analysis.offline
    for (start, stop), span in zip(offline.anomalies, analysis.offline_spans, strict=True):
        yield AnomalyRecord(
            clip=run.stem,
            mode="offline",
            segment_id=None,
            t_start_s=span.t_start_s,
            t_end_s=span.t_end_s,
            detected_at_s=None,
            score_mean=float(offline.scores[start:stop].mean()),
            score_max=float(offline.scores[start:stop].max()),
            theta_on=offline.thresholds.on,
            theta_off=offline.thresholds.off,
            options=run.detector.model_dump(),
        )
