"""Items cross the wire unchanged, and nothing else gets in."""

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from stream.pipeline.facts import SegmentClosed, SegmentOpened, SourceDamaged
from stream.pipeline.items import AnnotationOrder, Barrier, Embedding, EncoderFrame, End, Item, Keyframe
from stream.runtime import wire
from stream.runtime.wire import WireError

RNG = np.random.default_rng(0)
ITEMS: list[Item] = [
    EncoderFrame(3, 0.1, 1 / 30, RNG.integers(0, 255, (4, 4, 3), dtype=np.uint8)),
    Keyframe(1.5, 456, 256, b"\xff\xd8jpeg"),
    SourceDamaged(1.0, 2.0, "packet lost", 3),
    Embedding(7, 7.0, 9.1, RNG.normal(size=8).astype(np.float32), RNG.normal(size=(2, 8)).astype(np.float16)),
    SegmentOpened("s0001", 1.0, "anomalous", 4.0),
    SegmentClosed("s0001", 1.0, 5.0, "typical", "state_change", 8.0, 4, 0.1, 0.2, 0.3, 0.25, 5.0, 0.8),
    AnnotationOrder("s0001", 1.0, 5.0, "typical", "0" * 64, 4, 854, 480, None, 17.5),
    AnnotationAnswer("s0001", "0" * 64, '{"said": "\N{SNOWMAN}"}', 4, 1200, 150, 3.5, [448, 252]),
    AnnotationFailure("s0001", "0" * 64, "it gave no answer"),
    Barrier(4.0, b"packed"),
    End("end_of_stream", 10.0, 300, 2),
]


def same(a: object, b: object) -> bool:
    """Equality that also looks into arrays."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a == b


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_round_trip(item: Item) -> None:
    """Every item that may leave a process arrives equal, field by field."""
    back = wire.decode(wire.encode(item))
    assert type(back) is type(item)
    assert all(same(getattr(back, name), getattr(item, name)) for name in type(item).__dataclass_fields__)


def test_arrays_arrive_read_only() -> None:
    """A received array is a view of the message and cannot be written to."""
    frame = wire.decode(wire.encode(ITEMS[0]))
    assert isinstance(frame, EncoderFrame)
    with pytest.raises(ValueError, match="read-only"):
        frame.rgb[0, 0, 0] = 1


def header(**changes: object) -> bytes:
    """An EncoderFrame's header with something changed."""
    good = {"v": 1, "item": "EncoderFrame", "fields": {"index": 0, "t_s": 0.0, "duration_s": 0.0}}
    packed: bytes = msgpack.packb({**good, "buffers": [["rgb", "|u1", [1, 1, 3]]], **changes})
    return packed


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (header(v=2), "version"),
        (header(item="System"), "unknown item"),
        (header(fields={"command": "ls"}), "fields"),
        (header(buffers=[["rgb", "|O", [1]]]), "dtype"),
        (header(buffers=[["rgb", "<f8", [1, 1, 3]]]), "no <f8 array"),
        (header(buffers=[]), "names other buffers"),
        (b"\xc1", "not msgpack"),
        (b"x" * 300_000, "header"),
    ],
)
def test_foreign_messages_are_refused(head: bytes, complaint: str) -> None:
    """A message that ``encode`` would not make is a WireError that says what is wrong."""
    with pytest.raises(WireError, match=complaint):
        wire.decode([head, b"abc"])


@settings(deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=64), max_size=4))
def test_noise_is_refused(parts: list[bytes]) -> None:
    """Random bytes are never an item, and never another exception."""
    with pytest.raises(WireError):
        wire.decode(parts)
