"""What every clip encoder must hold to."""

import numpy as np
import pytest

from models.encoders.encoder import ClipEncoder, UInt8
from models.encoders.table import ENCODERS, make_encoder
from tests.support.tiny_models import TINY_FRAMES, save_tiny_vjepa2

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ClipEncoder:
    """Each encoder in turn; V-JEPA 2 with small random weights."""
    if request.param == "vjepa2":
        return make_encoder("vjepa2", save_tiny_vjepa2(tmp_path_factory.mktemp("vjepa2")), frames=TINY_FRAMES)
    return make_encoder(request.param)


def _window(encoder: ClipEncoder, seed: int) -> UInt8:
    return np.random.default_rng(seed).integers(
        0, 256, (encoder.frames, encoder.encoder_px, encoder.encoder_px, 3), dtype=np.uint8
    )


def test_shapes_dtypes_and_finiteness(encoder: ClipEncoder) -> None:
    """An embedding is (D,) float32 and (T/2, D) float16, all finite, with the D that the facts name."""
    embedding = encoder.encode(_window(encoder, 0))
    dims = encoder.facts()["dims"]
    assert embedding.mean.shape == (dims,)
    assert embedding.mean.dtype == np.float32
    assert embedding.temporal.shape == (encoder.frames // 2, dims)
    assert embedding.temporal.dtype == np.float16
    assert np.isfinite(embedding.mean).all()
    assert np.isfinite(embedding.temporal).all()


def test_mean_is_the_mean_of_the_temporal_tokens(encoder: ClipEncoder) -> None:
    """The two views of a window agree, to float16's precision."""
    embedding = encoder.encode(_window(encoder, 0))
    np.testing.assert_allclose(embedding.mean, embedding.temporal.astype(np.float32).mean(axis=0), atol=4e-3)


def test_deterministic(encoder: ClipEncoder) -> None:
    """The same frames give the same bits."""
    frames = _window(encoder, 1)
    first, second = encoder.encode(frames), encoder.encode(frames)
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.temporal, second.temporal)


def test_input_is_left_alone_and_may_be_read_only(encoder: ClipEncoder) -> None:
    """Frames that lie in a received, read-only buffer are accepted and unchanged."""
    frames = _window(encoder, 2)
    before = frames.copy()
    frames.flags.writeable = False
    encoder.encode(frames)
    np.testing.assert_array_equal(frames, before)


def test_any_view_is_accepted(encoder: ClipEncoder) -> None:
    """A mirrored view of a buffer gives what its copy gives."""
    frames = _window(encoder, 6)
    mirrored = frames[:, :, ::-1]
    np.testing.assert_array_equal(encoder.encode(mirrored).mean, encoder.encode(mirrored.copy()).mean)


def test_other_input_gives_another_embedding(encoder: ClipEncoder) -> None:
    """Two windows that differ do not share an embedding."""
    first, second = encoder.encode(_window(encoder, 3)), encoder.encode(_window(encoder, 4))
    assert not np.allclose(first.mean, second.mean)
    assert not np.allclose(first.temporal, second.temporal)


def test_a_store_gives_what_the_window_gives(encoder: ClipEncoder) -> None:
    """Windows that share frames, some of them twice, give what each would give by itself, in their order."""
    frames = _window(encoder, 7)
    store = encoder.frame_store()
    slots = [store.put(frame) for frame in frames]
    dropped = store.put(frames[0])
    store.drop(dropped)
    orders = [np.arange(encoder.frames), np.arange(encoder.frames)[::-1], np.arange(encoder.frames) // 2]
    encoding = store.encode([[slots[number] for number in order] for order in orders])
    for order, embedding in zip(orders, encoding.result(), strict=True):
        alone = encoder.encode(frames[order])
        np.testing.assert_allclose(embedding.mean, alone.mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_max_ulp(embedding.temporal, alone.temporal, maxulp=1)
    assert encoding.ready()


def test_a_store_grows(encoder: ClipEncoder) -> None:
    """However many frames are kept, each stays itself."""
    store = encoder.frame_store()
    frames = _window(encoder, 8)
    windows = [[store.put(frame) for frame in frames] for _ in range(5)]
    assert len({slot for slots in windows for slot in slots}) == 5 * encoder.frames
    expected = encoder.encode(frames).mean
    for slots in (windows[0], windows[-1]):
        np.testing.assert_allclose(store.encode([slots]).result()[0].mean, expected, rtol=1e-5, atol=1e-6)


def test_a_store_refuses_what_does_not_fit(encoder: ClipEncoder) -> None:
    """A frame of another size, and a window of another length, are ValueErrors that say what would be right."""
    store = encoder.frame_store()
    side = encoder.encoder_px
    with pytest.raises(ValueError, match=rf"a frame is .* expected \({side}, {side}, 3\) uint8"):
        store.put(np.zeros((side - 1, side, 3), np.uint8))
    slot = store.put(np.zeros((side, side, 3), np.uint8))
    with pytest.raises(ValueError, match=f"windows have .* frames, expected {encoder.frames} in each"):
        store.encode([[slot] * (encoder.frames - 1)])


@pytest.mark.parametrize("value", [0, 255])
def test_blank_pictures_are_embedded(encoder: ClipEncoder, value: int) -> None:
    """A lens cap or a washed-out picture gives finite numbers too."""
    shape = (encoder.frames, encoder.encoder_px, encoder.encoder_px, 3)
    embedding = encoder.encode(np.full(shape, value, dtype=np.uint8))
    assert np.isfinite(embedding.mean).all()
    assert np.isfinite(embedding.temporal).all()


def test_wrong_shape_or_dtype_is_refused(encoder: ClipEncoder) -> None:
    """A window of another length, size or dtype is a ValueError that names both shapes."""
    frames = _window(encoder, 5)
    side = encoder.encoder_px
    wrong = [frames[:-1], frames[:, 1:], frames[..., :2], frames[0], frames.astype(np.float32)]
    for window in wrong:
        with pytest.raises(ValueError, match=rf"a window is .* expected \(\d+, {side}, {side}, 3\) uint8"):
            encoder.encode(window)


@pytest.mark.parametrize("name", [name for name, spec in ENCODERS.items() if not spec.has_weights])
def test_the_table_describes_what_it_loads(name: str) -> None:
    """The profile of an encoder without weights has the frame size and the dimensions of the encoder itself."""
    profile, loaded = ENCODERS[name].profile(None, 64), ENCODERS[name].load(None, 64)
    assert (profile.encoder_px, profile.dims) == (loaded.encoder_px, loaded.facts()["dims"])


def test_facts_are_complete(encoder: ClipEncoder) -> None:
    """A record can say what made an embedding."""
    facts = encoder.facts()
    assert facts.keys() - {"memory_halvings", "device_busy_s"} == {
        "model", "revision", "weights_sha256", "dtype", "device", "runtime", "frames", "dims",
    }  # fmt: skip
    assert facts["frames"] == encoder.frames
    assert all(value != "" for value in facts.values())
