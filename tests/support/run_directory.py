"""Checks of a run directory."""

import json
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np

from stream.records.schema import events
from stream.records.schema.generate import schemas
from stream.records.store.event_log import read_events
from tests.support.runs import manifest


def events_of(run_dir: Path) -> list[events.Event]:
    """All events of a run."""
    return list(read_events(run_dir / "events.jsonl"))


def assert_valid(run_dir: Path) -> None:
    """Everything in a run directory that readers rely on is valid, in any state of the run."""
    stem = run_dir.name
    lines = (run_dir / "events.jsonl").read_text().splitlines()
    checks = jsonschema.Draft202012Validator(schemas()["events"])
    for number, line in enumerate(lines):
        checks.validate(json.loads(line))
        assert json.loads(line)["seq"] == number
    jsonschema.Draft202012Validator(schemas()["run"]).validate(manifest(run_dir))
    actions = json.loads((run_dir / f"{stem}_annotations.json").read_text())
    jsonschema.Draft202012Validator(schemas()["annotations"]).validate(actions)
    if (run_dir / f"{stem}_ts.npy").exists():
        rows = {len(np.load(run_dir / f"{stem}_{name}.npy", allow_pickle=False)) for name in ("emb", "temb", "ts")}
        assert max(rows) - min(rows) <= 1
    segments = [event for event in events_of(run_dir) if isinstance(event, events.SegmentClosed)]
    assert all(a.t_end_s == b.t_start_s for a, b in pairwise(segments))
