"""What the detectors found in a clip: as anomalies, and as the detection figure shows it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np

from exporters.figures.anomalies import Anomaly
from exporters.figures.detection_plot import Span, Track
from stream.commands.analysis.clip import Clip
from stream.commands.analysis.numbers import NO_THRESHOLDS, Replay
from stream.detection.offline import Offline, window_edges_s
from stream.evaluation.anomaly import Anomaly as Event
from stream.evaluation.anomaly import joined
from stream.pipeline.items import Float64


def causal_anomalies(clip: Clip, played: Replay) -> list[Anomaly]:
    """What a run announced; for a bare folder, what it would have."""
    told = clip.announced or played
    return [
        Anomaly(
            clip=clip.stem,
            mode="causal",
            segment_id=segment.segment_id,
            t_start_s=segment.t_start_s,
            t_end_s=segment.t_end_s,
            detected_at_s=told.opened[segment.segment_id].detected_at_s,
            score_mean=segment.score_mean,
            score_max=segment.score_max,
            theta_on=segment.theta_on,
            theta_off=segment.theta_off,
            options=asdict(clip.options),
        )
        for segment in told.closed
        if segment.kind == "anomalous"
    ]


def offline_anomalies(clip: Clip, offline: Offline) -> list[Anomaly]:
    """What the whole clip says."""
    edges_s = window_edges_s(clip.windows.t_s)
    return [
        Anomaly(
            clip=clip.stem,
            mode="offline",
            segment_id=None,
            t_start_s=float(edges_s[start]),
            t_end_s=float(edges_s[stop]),
            detected_at_s=None,
            score_mean=float(offline.scores[start:stop].mean()),
            score_max=float(offline.scores[start:stop].max()),
            theta_on=offline.thresholds.on,
            theta_off=offline.thresholds.off,
            options=asdict(clip.options),
        )
        for start, stop in offline.anomalies
    ]


def causal_track(clip: Clip, played: Replay, anomalies: Sequence[Anomaly]) -> Track:
    """Scores and moving thresholds of the replay over what was announced, an anomaly that is still open included."""
    events = [Event(found.t_start_s, found.t_end_s, found.detected_at_s) for found in anomalies]
    if clip.announced:
        end_s = clip.windows.t_end_s
        events += [Event(begun.t_start_s, end_s, begun.detected_at_s) for begun in clip.announced.still_open()]
    held = [step.thresholds or NO_THRESHOLDS for step in played.steps]
    name = "causal: announced while the clip played" if clip.announced else "causal: replayed"
    return Track(
        name=name if any(step.thresholds for step in played.steps) else f"{name}, all within the warm-up",
        t_s=clip.windows.t_s,
        score=_numbers(step.score for step in played.steps),
        ema=_numbers(step.smoothed for step in played.steps),
        theta_on=np.array([thresholds.on for thresholds in held]),
        theta_off=np.array([thresholds.off for thresholds in held]),
        median=np.array([thresholds.median for thresholds in held]),
        spans=tuple(Span(event.t_start_s, event.t_end_s, event.opened_at_s) for event in joined(events)),
    )


def offline_track(clip: Clip, offline: Offline, anomalies: Sequence[Anomaly]) -> Track:
    """Scores over the whole clip's constant thresholds."""
    count, held = len(clip.windows.t_s), offline.thresholds
    numbers = f": θ on {held.on:.4f}, θ off {held.off:.4f}, median {held.median:.4f}"
    return Track(
        name="offline" + (numbers if count > 1 else ""),
        t_s=clip.windows.t_s,
        score=offline.scores,
        ema=offline.smoothed,
        theta_on=np.full(count, held.on),
        theta_off=np.full(count, held.off),
        median=np.full(count, held.median),
        spans=tuple(Span(found.t_start_s, found.t_end_s) for found in anomalies),
    )


def _numbers(values: Iterable[float | None]) -> Float64:
    return np.array([np.nan if value is None else value for value in values])
