"""The result as one JSON object."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from stream.evaluation.chance import DRAWS, HEADLINE
from stream.evaluation.evaluation import Evaluation, Judgement, Match
from stream.evaluation.types import ClipAnomalies, Stretch


def document(evaluation: Evaluation, notes: Sequence[str], broken: Sequence[str]) -> dict[str, Any]:
    """All results in plain JSON types; undefined values are null, never NaN."""
    return {
        "v": 1,
        "clips": [_clip(*each) for each in zip(evaluation.clips, evaluation.judgements, strict=True)],
        "pooled": evaluation.pooled.row(),
        "control": {
            "seed": evaluation.seed,
            "draws": DRAWS,
            **{name: asdict(chance) if chance else None for name, chance in evaluation.chances.items()},
        },
        "verdict": {"by": HEADLINE, "beats_random": evaluation.beats_random, "sentence": evaluation.verdict},
        "notes": list(notes),
        "broken_rows": list(broken),
    }


def _clip(clip: ClipAnomalies, judgement: Judgement) -> dict[str, Any]:
    return {
        "clip": clip.stem,
        "duration_known": clip.duration_known,
        **judgement.row(),
        "matches": [_match(match) for match in judgement.matches],
        "missed": [_span(event) for event in judgement.missed],
        "unmatched": [_span(event) for event in judgement.unmatched],
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "true": _span(match.true),
        "predicted": _span(match.predicted),
        "iou": match.iou,
        "start_error_s": match.start_error_s,
        "end_error_s": match.end_error_s,
        "opening_latency_s": match.opening_latency_s,
        "closing_latency_s": match.closing_latency_s,
    }


def _span(event: Stretch) -> dict[str, float]:
    return {"t_start_s": event.t_start_s, "t_end_s": event.t_end_s}
