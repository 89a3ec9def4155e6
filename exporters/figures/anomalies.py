"""``anomalies.json``: the anomalous segments of both detectors."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from stream.pipeline.facts import Seconds
from stream.records.store.atomic import replace_file


class Anomaly(BaseModel):
    """One anomalous segment, [t_start_s, t_end_s)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: str
    """The stem of the clip's files."""
    mode: Literal["causal", "offline"]
    """Causal: announced while the clip played. Offline: from the whole clip."""
    segment_id: str | None
    """The run's segment; None for offline. A long anomaly is several segments that touch."""
    kind: Literal["anomalous"] = "anomalous"
    t_start_s: Seconds
    t_end_s: Seconds
    detected_at_s: float | None
    """Stream time at which the segment was opened; None for offline."""
    score_mean: float | None
    score_max: float | None
    theta_on: float | None
    """Causal: as it stood when the segment closed."""
    theta_off: float | None
    options: dict[str, Any]
    """The detector's."""


ANOMALIES: TypeAdapter[list[Anomaly]] = TypeAdapter(list[Anomaly])


def write_anomalies(path: Path, anomalies: list[Anomaly]) -> None:
    """Replace the file, durably."""
    replace_file(path, ANOMALIES.dump_json(anomalies, indent=1) + b"\n")


def read_anomalies(path: Path) -> list[Anomaly]:
    """What ``write_anomalies`` wrote."""
    return ANOMALIES.validate_json(path.read_bytes())
