"""A whole clip by a small random Qwen: loaded and asked as a real one, with room for its longest answer."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from models.annotators.qwen.vram import qwen_context
from stream.records import open_run
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from tests.support.annotate_later import finished_run, plain_view
from tests.support.fake_annotators import FakeAnnotator
from tests.support.tiny_qwen import save_tiny_qwen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def test_a_clip_is_described_in_parts_that_its_context_holds(tmp_path: Path) -> None:
    """The parts follow from the model's own context; the actions are in order, within the clip, and named."""
    folder = save_tiny_qwen(tmp_path / "model", "qwen3_vl")
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.name": "none", "keyframes.keep": True})
    changes = {"annotator": {"name": "qwen", "model": str(folder), "context": 13_000}}
    assert annotate_run(layout, changes, plain_view()[0], wish=Wish(whole_clip=True)) == 0
    run = open_run(layout.root)
    (annotation,) = run.annotations()
    assert (annotation.name, annotation.is_complete) == ("model-clip", True)
    parts = [event for event in run.events() if event.event == "part.annotated"]
    assert len(parts) >= 2
    actions = run.actions()
    assert actions
    assert all(one.t_end_s <= other.t_start_s for one, other in pairwise(actions))
    assert (actions[0].t_start_s >= 0.0, actions[-1].t_end_s <= 30.0) == (True, True)
    assert annotation.cost.tokens_in == sum(event.tokens_in for event in parts) > 0


def test_the_context_is_the_models_own_or_less(tmp_path: Path) -> None:
    """What the configuration names is never exceeded, whatever the user asks for."""
    folder = save_tiny_qwen(tmp_path / "model", "qwen2_5_vl")
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    own = config.get("text_config", config)["max_position_embeddings"]
    assert qwen_context(folder, 10_000_000).tokens == own
    assert qwen_context(folder, 4096).tokens == 4096
