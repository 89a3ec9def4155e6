"""Two finished runs, compared byte for byte, but for times of day and the seconds that something took."""

from dataclasses import asdict

from stream.annotation.raw_responses import read_responses
from stream.records.schema.events import CHAIN_EVENTS, Outcome
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import as_json, finish_of, read_events

_NOT_COMPARED = ("seq", "time", "wall_s", "seconds", "dollars")
"""Of events and answers: times of day, and what hangs on them."""


def differences(run: RunLayout, whole: RunLayout) -> list[str]:
    """The differences between two finished runs, except for times of day."""
    named = {
        "annotations": (run.annotations.read_bytes(), whole.annotations.read_bytes()),
        "answers": (answers_of(run), answers_of(whole)),
        "events": (_story(run), _story(whole)),
        "outcomes": (_outcomes(run), _outcomes(whole)),
        "keyframes": (_pictures(run), _pictures(whole)),
        **{
            path.name: (path.read_bytes(), other.read_bytes())
            for path, other in zip(run.arrays, whole.arrays, strict=True)
        },
    }
    return [f"{run.root}: {name}" for name, (one, other) in named.items() if one != other]


def _story(run: RunLayout) -> list[dict[str, object]]:
    run_events = [as_json(event) for event in read_events(run.events) if event.event in CHAIN_EVENTS]
    if finish := finish_of(run.events):
        run_events.append(as_json(finish))
    return [_timeless(event) for event in run_events]


def _outcomes(run: RunLayout) -> list[dict[str, object]]:
    """The outcomes of the segments in order, since answers come in any order."""
    settled = [as_json(event) for event in read_events(run.events) if isinstance(event, Outcome)]
    return sorted(map(_timeless, settled), key=lambda event: str(event["segment_id"]))


def answers_of(run: RunLayout) -> list[dict[str, object]]:
    answers = [_timeless(asdict(answer)) for answer in read_responses(run.raw_responses)]
    return sorted(answers, key=lambda answer: str(answer["segment_id"]))


def _timeless(fields: dict[str, object]) -> dict[str, object]:
    compared_fields = {name: value for name, value in fields.items() if name not in _NOT_COMPARED}
    return {name: _timeless(value) if isinstance(value, dict) else value for name, value in compared_fields.items()}


def _pictures(run: RunLayout) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.keyframes.iterdir()}
