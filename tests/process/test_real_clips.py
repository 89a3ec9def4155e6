"""Real first-person footage, run in this process; here and not in tests/chain because it takes long."""

import json
from pathlib import Path

import pytest

from stream.records.schema import events
from tests.support.inline import run_inline
from tests.support.run_directory import assert_valid, events_of

SHARED = Path(__file__).parents[2].parent / "shared/data/egocentric100k_like/factory001/worker001"


@pytest.mark.skipif(not SHARED.exists(), reason="the real clips are not part of the project")
@pytest.mark.parametrize("number", [0, 1])
def test_real_clips_out_of_their_tar(tmp_path: Path, number: int) -> None:
    """On real first-person footage, read in place from its tar, every true stretch is found live, and nothing else."""
    stem = f"factory_001_worker_001_000{number}"
    assert run_inline(f"{SHARED}/part000.tar::{stem}.mp4", "--encoder", "grid", "--out", tmp_path).returncode == 0
    assert_valid(tmp_path / stem)
    sources = [
        (event.t_start_s, event.t_end_s)
        for event in events_of(tmp_path / stem)
        if isinstance(event, events.SegmentClosed) and event.kind == "anomalous"
    ]
    truth = [(true["t_start_s"], true["t_end_s"]) for true in json.loads((SHARED / "truth.json").read_text())[stem]]
    assert len(sources) == len(truth)
    for (start_s, end_s), (true_start_s, true_end_s) in zip(sources, truth, strict=True):
        assert abs(start_s - true_start_s) <= 3.0
        assert abs(end_s - true_end_s) <= 3.0
