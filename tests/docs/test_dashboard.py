"""The Grafana dashboard speaks of metrics that there are, of all of them, and by labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric

from stream.monitoring.metrics import Metrics
from stream.records.schema import events
from stream.runtime.heartbeat import Heartbeat

DASHBOARD = Path(__file__).parents[2] / "docker" / "monitoring" / "chain.json"
CLOSED: dict[str, Any] = {
    "segment_id": "s0", "t_start_s": 10, "t_end_s": 20, "kind": "typical", "closed_by": "state_change",
    "detected_at_s": 26, "windows": 9, "score_mean": None, "score_max": None, "theta_on": None, "theta_off": None,
    "period_s": None, "cycles": None, "damaged_s": 0, "keyframes": 1, "frames_digest": "",
}  # fmt: skip


def families() -> list[Metric]:
    """All metrics of a run to which everything has happened."""
    metrics = Metrics(price_per_hour=0.2)
    facts = {"encoder": {"peak_vram_bytes": 1}}
    metrics.on_heartbeat(Heartbeat("ingest", "running", t_s=50.0, lag_s=2, queue_s=0.1, queue_items=2, facts=facts))
    for event in (
        events.SegmentOpened(segment_id="s0", t_start_s=10.0, kind="typical", detected_at_s=14.1),
        events.SegmentClosed(**CLOSED),
        events.SegmentAnnotated(segment_id="s0", actions=1, tokens_in=1000, tokens_out=50, seconds=2.5),
        events.StageRestarted(process="encode", reason="killed"),
    ):
        metrics.on_event(event)
        if isinstance(event, events.SegmentOpened | events.SegmentClosed):
            metrics.on_wall_latency(event, 4.5)
    return list(metrics.registry.collect())


def panels() -> list[dict[str, Any]]:
    """What is drawn."""
    contents: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in contents if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Each expression, with its legend."""
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def named(expression: str) -> set[str]:
    """The metrics in an expression."""
    return set(re.findall(r"\b(?:egoclean|process)_\w+", expression))


def test_every_metric_that_is_drawn_is_exported() -> None:
    """No panel stays empty for a name that is nowhere served, and no metric of the run is left out."""
    exported = {sample.name for family in families() for sample in family.samples}
    drawn = {name for expression, _ in queries() for name in named(expression)}
    assert drawn - exported == set()
    ours = {family.name for family in families() if family.name.startswith("egoclean_")}
    assert ours == {re.sub(r"_(total|bucket)$", "", name) for name in drawn if name.startswith("egoclean_")}


@pytest.mark.parametrize(("expression", "legend"), list(queries()))
def test_labels_are_those_of_the_metric(expression: str, legend: str) -> None:
    """What an expression sums by, and what a legend names, are labels of the metrics in it."""
    expected = set(re.findall(r"{{(\w+)}}", legend)) | set(re.findall(r"by \((\w+)\)", expression))
    for family in families():
        for sample in family.samples:
            if sample.name in named(expression):
                assert expected <= set(sample.labels)


def test_panels_do_not_overlap() -> None:
    """Grafana moves panels that lie over each other: each has its own place, within 24 columns."""
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels()):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_panels_ask_the_source_that_is_provisioned() -> None:
    """The data source that every panel names is the one that docker/monitoring sets up."""
    source = (DASHBOARD.parent / "provisioning" / "datasources" / "prometheus.yaml").read_text()
    assert {panel["datasource"]["uid"] for panel in panels()} == set(re.findall(r"uid: (\w+)", source))
