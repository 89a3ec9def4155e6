"""Both detectors over a run's windows, computed once for all exporters that show them."""

from dataclasses import dataclass
from functools import lru_cache

from exporters.run_view import RunView, Span
from stream.detection.offline import OfflineResult, window_edges_s
from stream.detection.replay import Replay, replay, replay_offline
from stream.pipeline.facts import SegmentClosed, SegmentOpened
from stream.records.store.warm_start import read_warm_start


@dataclass(frozen=True, slots=True)
class Analysis:
    """A run's causal and offline detection."""

    causal: Replay
    """The causal detector over the stored windows."""
    offline: OfflineResult
    offline_spans: tuple[Span, ...]
    """The offline detector's anomalies."""


@lru_cache(maxsize=8)
def analysis_of(run: RunView) -> Analysis:
    """Run both detectors over a run's windows."""
    windows = run.windows
    causal = replay(
        windows.temporal_blocks,
        windows.t_s,
        windows.t_end_s,
        run.detector,
        read_warm_start(windows.layout, run.detector.warm_start_sha256),
    )
    offline = replay_offline(windows.temporal_blocks, windows.t_s, run.detector)
    edges_s = window_edges_s(windows.t_s)
    spans = (Span(float(edges_s[start]), float(edges_s[stop])) for start, stop in offline.anomalies)
    return Analysis(causal, offline, tuple(spans))


def closed_segments(run: RunView) -> tuple[SegmentClosed, ...]:
    """The segments that the run announced; for a bare folder, those of the replay."""
    return analysis_of(run).causal.closed if run.manifest is None else run.closed


def opened_segments(run: RunView) -> dict[str, SegmentOpened]:
    """The same for openings, by segment."""
    if run.manifest is None:
        return analysis_of(run).causal.opened
    return {event.segment_id: event for event in run.opened}
