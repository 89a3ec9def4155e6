"""The grid: low scores for the same work under other light, other scores for another place."""

from collections.abc import Callable

import numpy as np
import pytest

from models.encoders.encoder import FRAMES, ClipEmbedding, Float32, UInt8
from models.encoders.grid import GridEncoder
from models.encoders.grid_histograms import appearance
from tests.support.tiny_models import textured_frame


def _distance(first: ClipEmbedding, second: ClipEmbedding) -> float:
    """1 - cosine of the flattened temporal tokens, as a detector takes it."""
    a, b = (embedding.temporal.astype(np.float64).ravel() for embedding in (first, second))
    return float(1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _work(phase: float = 0.0, period_frames: float = 40.0) -> UInt8:
    """A window of repeated work: a hand's patch that goes to and fro before a bench."""
    bench, hand = textured_frame(256, 256, seed=1), textured_frame(48, 48, seed=2) // 2 + np.uint8(100)
    frames = np.repeat(bench[None], FRAMES, axis=0)
    for index, frame in enumerate(frames):
        left = round(100 + 60 * np.sin(2 * np.pi * (index / period_frames + phase)))
        frame[150:198, left : left + 48] = hand
    return frames


def _reduced(frames: UInt8) -> UInt8:
    """From (T, 256, 256, 3) to the encoder's size, by means of 4x4 pixels."""
    means: Float32 = frames.reshape(len(frames), 64, 4, 64, 4, 3).mean(axis=(2, 4), dtype=np.float32)
    return means.round().astype(np.uint8)


def _elsewhere() -> UInt8:
    """A window of another place."""
    return np.repeat(textured_frame(256, 256, seed=3)[None], FRAMES, axis=0)


def _relit(frames: UInt8, *, gamma: float, gains: tuple[float, float, float]) -> UInt8:
    levels = 255 * np.linspace(0, 1, 256)[:, None] ** gamma * gains
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return np.stack([table[frames[..., channel], channel] for channel in range(3)], axis=-1)


def _shifted(frames: UInt8, pixels: int) -> UInt8:
    return np.ascontiguousarray(np.roll(frames, pixels, axis=(1, 2)))


def _shaken(frames: UInt8) -> UInt8:
    """The same place seen from a head that moves fast."""
    offsets = np.round(24 * np.sin(np.arange(len(frames)))).astype(int)
    return np.stack([np.roll(frame, offset, axis=1) for frame, offset in zip(frames, offsets, strict=True)])


@pytest.mark.parametrize(
    "same_work",
    [
        lambda: _work(phase=0.4),
        lambda: _work(period_frames=44.0),
        lambda: _shifted(_work(), 5),
        lambda: _relit(_work(), gamma=1.15, gains=(1.0, 1.0, 1.0)),
        lambda: _relit(_work(), gamma=1.0, gains=(0.88, 0.88, 0.88)),
        lambda: _relit(_work(), gamma=1.0, gains=(1.04, 1.0, 0.96)),
    ],
    ids=["phase", "speed", "head bob", "gamma", "exposure", "white balance"],
)
def test_the_same_work_stays_near(same_work: Callable[[], UInt8]) -> None:
    """A drift of light, a bob of the head or another phase is less than a quarter of the way to another place."""
    encoder = GridEncoder()
    usual = encoder.encode(_reduced(_work()))
    assert _distance(usual, encoder.encode(_reduced(same_work()))) < 0.25 * _distance(
        usual, encoder.encode(_reduced(_elsewhere()))
    )


def test_motion_alone_is_seen() -> None:
    """Walking through the same place is further from the work than the work's own phase."""
    encoder = GridEncoder()
    usual = encoder.encode(_reduced(_work()))
    assert _distance(usual, encoder.encode(_reduced(_shaken(_work())))) > 3 * _distance(
        usual, encoder.encode(_reduced(_work(phase=0.4)))
    )


def test_every_window_weighs_the_same() -> None:
    """A mean of embeddings is no more one window than another: their lengths agree to float16."""
    encoder = GridEncoder()
    lengths = [
        np.linalg.norm(encoder.encode(_reduced(frames)).temporal.astype(np.float64))
        for frames in (_work(), _elsewhere())
    ]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-3)


def test_never_taken_for_learned() -> None:
    """Every record says that this is a grid without weights."""
    encoder = GridEncoder()
    assert encoder.name.startswith("grid-v")
    assert encoder.facts()["model"] == encoder.name
    assert encoder.facts()["weights_sha256"] == "none: no learned weights"


@pytest.mark.parametrize("frames", [2, 16])
def test_other_windows(frames: int) -> None:
    """Any even window is encoded, one token for two frames."""
    assert GridEncoder(frames).encode(_reduced(_work()[:frames])).temporal.shape == (frames // 2, 1024)


@pytest.mark.parametrize("frames", [0, -2, 5])
def test_odd_windows_are_refused(frames: int) -> None:
    """A window that is no whole number of tubelets is an error that names it."""
    with pytest.raises(ValueError, match=f"window of {frames} frames"):
        GridEncoder(frames)


@pytest.mark.parametrize("stride", [2, 30, 31, 64, 80])
def test_shared_frames_change_no_bit(stride: int) -> None:
    """Windows that overlap by any number of frames, one after the other in one store, are as if each were alone."""
    encoder = GridEncoder()
    frames = np.random.default_rng(stride).integers(0, 256, (3 * 80 + FRAMES, 64, 64, 3), np.uint8)
    store = encoder.frame_store()
    slots: dict[int, int] = {}
    for start in range(0, 4 * stride, stride):
        for number in [number for number in slots if number < start]:
            store.drop(slots.pop(number))
        window = range(start, start + FRAMES)
        slots |= {number: store.put(frames[number]) for number in window if number not in slots}
        (shared,) = store.encode([[slots[number] for number in window]]).result()
        alone = encoder.encode(frames[start : start + FRAMES])
        np.testing.assert_array_equal(shared.mean, alone.mean)
        np.testing.assert_array_equal(shared.temporal, alone.temporal)


def test_shared_frames_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second window computes only the histograms of its new tubelets: 15 after a stride of 30 frames."""
    measured: list[int] = []

    def counted(frames: UInt8, luma: Float32) -> Float32:
        measured.append(len(frames))
        return appearance(frames, luma)

    monkeypatch.setattr("models.encoders.grid.appearance", counted)
    store = GridEncoder().frame_store()
    slots = [store.put(frame) for frame in np.zeros((FRAMES + 30, 64, 64, 3), np.uint8)]
    store.encode([slots[:FRAMES], slots[30:]])
    assert measured == [32, 15]


def test_dropped_frames_leave_nothing() -> None:
    """A store whose frames are all dropped holds nothing that it computed from them."""
    store = GridEncoder(4).frame_store()
    slots = [store.put(frame) for frame in np.zeros((4, 64, 64, 3), np.uint8)]
    store.encode([slots])
    for slot in slots:
        store.drop(slot)
    assert not any(value for value in vars(store).values() if isinstance(value, dict))
