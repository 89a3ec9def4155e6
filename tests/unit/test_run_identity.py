"""A run resumes only with the same weights."""

from pathlib import Path

import pytest

from stream.errors import UsageError
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import AttemptGuard, begin_attempt
from stream.stages.store import EmbeddingWriter
from tests.support.clips import make_clip
from tests.support.runs import run_cli, write_intrinsics

GRID = ("--encoder", "grid")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A finished run of a short clip is in ``runs`` beside its worker's folder."""
    (tmp_path / "worker").mkdir()
    write_intrinsics(tmp_path / "worker")
    clip = make_clip(tmp_path / "worker" / "clip.mp4", frames=90)
    assert run_cli(clip, *GRID, "--out", tmp_path / "runs").returncode == 0
    return clip


def test_other_weights_are_refused(tmp_path: Path) -> None:
    """Embeddings of two models do not come into one array."""
    layout = RunLayout(tmp_path, "clip")
    begin_attempt(layout)
    state = EmbeddingWriter(layout, AttemptGuard(layout, 1), "a" * 64).snapshot()
    EmbeddingWriter(layout, AttemptGuard(layout, 1), "a" * 64).restore(state)
    with pytest.raises(UsageError, match="aaaaaaaaaaaa then, bbbbbbbbbbbb now"):
        EmbeddingWriter(layout, AttemptGuard(layout, 1), "b" * 64).restore(state)
