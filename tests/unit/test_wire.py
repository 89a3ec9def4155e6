"""Items cross the wire unchanged, and nothing else gets in."""

from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from stream.pipeline.codec import DTYPES, CodecError, pack, unpack
from stream.pipeline.facts import SegmentClosed, SegmentOpened, SourceDamaged
from stream.pipeline.items import AnnotationTask, Barrier, Embedding, EncoderFrame, End, Item, Keyframe
from stream.pipeline.state import PackedState
from stream.runtime import channels
from tests.support.properties import examples

RNG = np.random.default_rng(0)
ITEMS: list[Item] = [
    EncoderFrame(3, 0.1, 1 / 30, RNG.integers(0, 255, (4, 4, 3), dtype=np.uint8)),
    Keyframe(1.5, 456, 256, b"\xff\xd8jpeg"),
    SourceDamaged(1.0, 2.0, "packet lost", 3),
    Embedding(7, 7.0, 9.1, RNG.normal(size=8).astype(np.float32), RNG.normal(size=(2, 8)).astype(np.float16)),
    SegmentOpened("s0001", 1.0, "anomalous", 4.0),
    SegmentClosed("s0001", 1.0, 5.0, "typical", "state_change", 8.0, 4, 0.1, 0.2, 0.3, 0.25, 5.0, 0.8),
    AnnotationTask(SegmentClosed("s0001", 1.0, 5.0, "typical", "state_change", 8.0, 4, frames_digest="0" * 64), 17.5),
    AnnotationAnswer("s0001", "0" * 64, '{"said": "\N{SNOWMAN}"}', 4, 1200, 150, 3.5, [448, 252], [0.0, 1.5]),
    AnnotationFailure("s0001", "0" * 64, "it gave no answer"),
    Barrier(4.0, {"count": PackedState(b"packed"), "empty": PackedState(b"")}),
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
    back = channels.decode(channels.encode(item))
    assert type(back) is type(item)
    assert all(same(getattr(back, name), getattr(item, name)) for name in type(item).__dataclass_fields__)


def test_arrays_arrive_read_only() -> None:
    """A received array is a view of the message and cannot be written to."""
    tile = channels.decode(channels.encode(ITEMS[0]))
    assert isinstance(tile, EncoderFrame)
    with pytest.raises(ValueError, match="read-only"):
        tile.rgb[0, 0, 0] = 1


RGB = msgpack.ExtType(1, msgpack.packb(["|u1", [1, 1, 3], 1]))


def head(kind: str = "EncoderFrame", version: int = 2, **changes: object) -> bytes:
    """An EncoderFrame's header with something changed."""
    fields = {"index": 0, "t_s": 0.0, "duration_s": 0.0, "rgb": RGB, **changes}
    record = msgpack.ExtType(3, msgpack.packb([kind, fields]))
    return bytes([version]) + bytes(msgpack.packb(record))


def array(dtype: object, shape: object, part: object = 1) -> msgpack.ExtType:
    """What a header says of an array."""
    return msgpack.ExtType(1, msgpack.packb([dtype, shape, part]))


def nested(depth: int) -> msgpack.ExtType:
    """Kinds in kinds."""
    inner = nested(depth - 1) if depth else None
    return msgpack.ExtType(3, msgpack.packb(["End", {"reason": inner, "decoded_s": 0.0, "frames": 0}]))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (head(version=1), "version 1, expected 2"),
        (head("System"), "unknown kind 'System'"),
        (head(command="ls"), "fields"),
        (head(rgb=array("|O", [1])), "dtype"),
        (head(rgb=array("<f8", [1, 1, 3])), "no <f8 array"),
        (head(rgb=array("|u1", [-1, 3])), "no .u1 array"),
        (head(rgb=array("|u1", [2**63, 2**63])), "no .u1 array"),
        (head(rgb=array("|u1", [1, 1, 3], 2)), "names buffer 2, but has 1"),
        (head(rgb=array("|u1", [1, 1, 3], -1)), "names buffer -1"),
        (head(rgb=array("|u1", [1, 1, 3], b"abc")), "names buffer b'abc'"),
        (head(rgb=None), "names other buffers"),
        (head(index=array("|u1", [3])), "names other buffers"),
        (head(rgb=msgpack.ExtType(9, b"\x00")), "extension 9"),
        (head(rgb=msgpack.ExtType(1, b"\xc1")), "not msgpack"),
        (head(rgb=msgpack.ExtType(3, msgpack.packb([["EncoderFrame"], {}]))), "not msgpack"),
        (head(index=nested(300)), "nested more than"),
        (bytes([2]) + bytes(msgpack.packb({"v": 1})), "a message is a dict"),
        (head()[:-1], "not msgpack"),
        (head() + b"\x00", "not msgpack"),
        (b"\x02\xc1", "not msgpack"),
        (b"", "version none"),
        (b"\x02" + b"x" * 300_000, "header"),
    ],
)
def test_foreign_messages_are_refused(header: bytes, message: str) -> None:
    """A message that ``encode`` would not make is a CodecError that says what is wrong."""
    with pytest.raises(CodecError, match=message):
        channels.decode([header, b"abc"])


def test_facts_are_validated() -> None:
    """A fact with values that the log could not hold is refused when it arrives."""
    (good,) = channels.encode(SourceDamaged(1.0, 2.0, "lost", 3))
    assert channels.decode([good]) == SourceDamaged(1.0, 2.0, "lost", 3)
    (bad,) = (bytes(good).replace(msgpack.packb(1.0), msgpack.packb(-1.0)),)
    with pytest.raises(CodecError, match="greater than or equal to 0"):
        channels.decode([bad])


def test_only_listed_kinds_and_dtypes_are_encoded() -> None:
    """What could not be decoded is refused where it is sent."""
    with pytest.raises(CodecError, match="a dict cannot be sent"):
        channels.encode({})  # type: ignore[arg-type]
    with pytest.raises(CodecError, match="<i2 cannot be encoded"):
        channels.encode(EncoderFrame(0, 0.0, 0.1, np.zeros((1, 1, 3), "<i2")))
    with pytest.raises(CodecError, match="a PosixPath in a End cannot be sent"):
        channels.encode(End(Path(), 0.0, 0))  # type: ignore[arg-type]


def test_packed_snapshots_are_unpacked_equal(tmp_path: Path) -> None:
    """Nested dicts, lists and arrays of all listed dtypes; other types are refused, and so are other bytes."""
    arrays = {dtype: np.arange(6).astype(dtype).reshape(2, 3) for dtype in DTYPES}
    state = {"a": {"b": [1, 2.5, None, "c", b"d"]}, **arrays, "empty": np.zeros((0, 4), "<f4"), "scalar": np.array(1.5)}
    back = unpack(pack(state))
    assert back.keys() == state.keys()
    assert back["a"] == state["a"]
    assert all(same(back[name], value) for name, value in state.items())
    for wrong in ({"path": tmp_path}, {"tuple": {1, 2}}, {"array": np.zeros(2, "<u4")}, {"item": ITEMS[2]}):
        with pytest.raises(CodecError):
            pack(wrong)
    for data in (b"", b"\x01\x80", b"\x02\x90", b"\x02" + msgpack.packb({"a": nested(0)}), pack(state)[:-1]):
        with pytest.raises(CodecError):
            unpack(data)


@examples()
@given(st.lists(st.binary(max_size=64), max_size=4))
def test_noise_is_refused(parts: list[bytes]) -> None:
    """Random bytes are never an item, and never another exception."""
    with pytest.raises(CodecError):
        channels.decode(parts)
