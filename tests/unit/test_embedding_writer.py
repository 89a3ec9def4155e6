"""Embeddings are on disk before they are passed on, and is not embedded again."""

from pathlib import Path

import numpy as np
import pytest

from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import ClipEmbedding, EncoderFacts, FrameStore, UInt8
from stream.errors import EgocleanError, UsageError
from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import Embedding, End, Item
from stream.pipeline.stage import drive
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import AttemptGuard, begin_attempt
from stream.stages.cached_encoder import CachedEncoder
from stream.stages.store import EmbeddingWriter


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A run directory whose first attempt has begun."""
    layout = RunLayout(tmp_path, "clip")
    begin_attempt(layout)
    return layout


def embedding(index: int) -> Embedding:
    """A window that begins at its own number."""
    return Embedding(index, float(index), index + 2.1, np.full(4, index, np.float32), np.ones((2, 4), np.float16))


def test_arrays_are_loadable_and_agree_mid_run(layout: RunLayout) -> None:
    """When a window is passed on the three arrays load, with a row for it, in the declared dtypes."""
    keep = EmbeddingWriter(layout, AttemptGuard(layout, 1))
    for index in range(40):
        assert [item for item in keep.on_item(embedding(index)) if isinstance(item, Embedding)]
        mean, temporal, starts = (np.load(path) for path in layout.arrays)
        assert (mean.shape, temporal.shape, starts.shape) == ((index + 1, 4), (index + 1, 2, 4), (index + 1,))
    assert (mean.dtype, temporal.dtype, starts.dtype) == (np.float32, np.float16, np.float64)
    assert np.array_equal(starts, np.arange(40.0))
    keep.close()


def test_all_else_passes(layout: RunLayout) -> None:
    """Items other than embeddings are passed on unchanged; no window, no file."""
    others: list[Item] = [SourceDamaged(0.0, 1.0, "lost", 2), End("end_of_stream", 1.0, 30)]
    assert list(drive(EmbeddingWriter(layout, AttemptGuard(layout, 1)), others)) == others
    assert not any(path.exists() for path in layout.arrays)


def test_an_older_attempt_writes_no_row(layout: RunLayout) -> None:
    """When a newer attempt has begun, what an older one embeds is not kept."""
    keep = EmbeddingWriter(layout, AttemptGuard(layout, 1))
    list(keep.on_item(embedding(0)))
    begin_attempt(layout)
    with pytest.raises(EgocleanError, match="attempt 2 has begun"):
        list(keep.on_item(embedding(1)))
    assert len(np.load(layout.timestamps)) == 1
    keep.close()


class Counting:
    """An encoder that counts its requests."""

    name = "counting"
    frames = 2
    encoder_px = 4
    calls = 0

    def facts(self) -> EncoderFacts:
        return {"model": self.name}

    def encode(self, window: UInt8) -> ClipEmbedding:
        self.calls += 1
        return ClipEmbedding(window.mean(axis=(0, 1, 2)).astype(np.float32), np.zeros((2, 4), np.float16))

    def frame_store(self) -> FrameStore:
        return CpuFrameStore.one_by_one(self)


def test_stored_windows_are_not_embedded_again(layout: RunLayout) -> None:
    """Batches whose rows are there come from the disk; others are embedded whole, as they were before, and counted."""
    keep = EmbeddingWriter(layout, AttemptGuard(layout, 1))
    for index in range(5):
        list(keep.on_item(embedding(index)))
    keep.close()
    encoder = Counting()
    remembered = CachedEncoder(encoder, layout, first=1)
    store = remembered.frame_store()
    slot = store.put(np.full((4, 4, 3), 7, np.uint8))
    embeddings = [each for size in (2, 1, 2, 1) for each in store.encode([[slot, slot]] * size).result()]
    assert [each.mean[0] for each in embeddings] == [1, 2, 3, 7, 7, 7]
    assert encoder.calls == 3
    assert layout.encoded.stat().st_size == 3
    assert (remembered.facts(), remembered.frames, remembered.encoder_px) == ({"model": "counting"}, 2, 4)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    """Embeddings of two models do not come into one array."""
    layout = RunLayout(tmp_path, "clip")
    begin_attempt(layout)
    state = EmbeddingWriter(layout, AttemptGuard(layout, 1), "a" * 64).snapshot()
    EmbeddingWriter(layout, AttemptGuard(layout, 1), "a" * 64).restore(state)
    with pytest.raises(UsageError, match="aaaaaaaaaaaa then, bbbbbbbbbbbb now"):
        EmbeddingWriter(layout, AttemptGuard(layout, 1), "b" * 64).restore(state)
