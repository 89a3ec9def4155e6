"""Runs of the real program that a server of the tests' own annotates, and what they left."""

import json
from pathlib import Path
from typing import Any

from stream.records.schema import events
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip, texture
from tests.support.echo_server import MODEL
from tests.support.openai_server import OpenAIServer, ScriptedReply
from tests.support.runs import write_intrinsics

QUICK = ("--encoder", "grid", "--detector-max-segment-s", "5", "--keyframe-px", "64", "--annotator-max-wait-s", "0")
"""A segment every few seconds, each asked about at once."""


def make_described_clip(folder: Path) -> Path:
    """Twenty-one seconds of a moving texture at 15 frames a second, and their calibration."""
    write_intrinsics(folder)
    usual = texture(64, 128, 96)
    pictures = [usual[2 * number % 64] for number in range(315)]
    return make_clip(folder / "clip.mp4", pictures=pictures, fps=15, key_every=30)


def words(clip: Path | str, out: Path, server: OpenAIServer, *more: str) -> tuple[str | Path, ...]:
    """The command line of a run that this server annotates."""
    asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
    return (clip, *QUICK, *asks, "--out", out, *more)


def events_of(run_dir: Path) -> list[events.Event]:
    """All events of a run."""
    return list(read_events(run_dir / "events.jsonl"))


def actions(run_dir: Path) -> list[dict[str, Any]]:
    """The descriptions."""
    described: list[dict[str, Any]] = json.loads((run_dir / f"{run_dir.name}_annotations.json").read_text())
    return described


def described_segments(run_dir: Path) -> list[str]:
    """The segments that actions run through: equal words over a cut are one action."""
    return [name for action in actions(run_dir) for name in action.get("segment_ids", [action["segment_id"]])]


def is_annotated(event: events.Event) -> bool:
    """Whether a segment has been described."""
    return isinstance(event, events.SegmentAnnotated)


def hang_after(server: OpenAIServer, answers: int) -> None:
    """The server answers so many requests; the next ones hang until it is released."""
    server.replies[:] = [ScriptedReply()] * answers + [ScriptedReply(hangs=True)] * 50


def release(server: OpenAIServer) -> None:
    """The server works from now on."""
    server.replies.clear()
    server.released.set()


def assert_described_alike(run_dir: Path, undisturbed: Path) -> None:
    """The same actions as in the undisturbed run, one outcome per segment, closed accounting, no keyframe left."""
    assert actions(run_dir) == actions(undisturbed)
    settled = [event.segment_id for event in events_of(run_dir) if isinstance(event, events.SegmentAnnotated)]
    assert sorted(settled) == [
        event.segment_id for event in events_of(run_dir) if isinstance(event, events.SegmentClosed)
    ]
    last = events_of(run_dir)[-1]
    assert isinstance(last, events.RunFinished)
    assert (round(last.annotated_s, 6), round(last.decoded_s, 6), last.exit_code) == (21.0, 21.0, 0)
    assert not list((run_dir / "keyframes").iterdir())


def outcomes(run_dir: Path) -> dict[str, list[str]]:
    """Outcomes of each closed segment: exactly one, if all is well."""
    kinds: dict[str, list[str]] = {
        event.segment_id: [] for event in events_of(run_dir) if isinstance(event, events.SegmentClosed)
    }
    for event in events_of(run_dir):
        if isinstance(event, events.Outcome):
            kinds[event.segment_id].append(event.event.removeprefix("segment."))
    return kinds


def failures(run_dir: Path) -> dict[str, str]:
    """Why segments failed."""
    return {event.segment_id: event.reason for event in events_of(run_dir) if isinstance(event, events.SegmentFailed)}
