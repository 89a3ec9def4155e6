"""Where a run can continue: what outlives a killed process, a torn file and a power cut."""

import zlib
from itertools import product
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from stream.errors import UsageError
from stream.pipeline.codec import CodecError, pack, unpack
from stream.pipeline.items import Embedding
from stream.pipeline.state import State, replay_from_s, take, take_optional
from stream.records.schema.events import SegmentClosed
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import rows_in
from stream.records.store.attempt import AttemptGuard, begin_attempt
from stream.records.store.checkpoint import (
    CheckpointFiles,
    Totals,
    newest_checkpoint,
    read_checkpoint,
    remove_checkpoints,
)
from stream.records.store.event_log import EventLog
from stream.stages.store import EmbeddingWriter
from tests.support.properties import examples


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A run directory with nothing in it but the number of its first attempt, on the boot "one"."""
    layout = RunLayout(tmp_path, "clip")
    assert begin_attempt(layout, "one") == 1
    return layout


def totals(windows: int) -> Totals:
    """Of a run with so many windows."""
    return Totals(windows, [[4], [2, 4], []], events=0, wall_s=0.0)


def newest(layout: RunLayout) -> tuple[int, float] | None:
    """Attempt and time of the newest state."""
    path = newest_checkpoint(layout)
    return None if path is None else (read_checkpoint(path).attempt, read_checkpoint(path).t_s)


def keep(layout: RunLayout, windows: int, attempt: int = 1) -> None:
    """Embed so many windows."""
    stage = EmbeddingWriter(layout, AttemptGuard(layout, attempt))
    for index in range(windows):
        row = np.full(4, index, np.float32), np.full((2, 4), index, np.float16)
        list(stage.on_item(Embedding(index, float(index), index + 2.1, *row)))
    stage.close()


def test_the_newest_whole_state_counts(layout: RunLayout) -> None:
    """Each state replaces the one before the last; where the newest is torn, the one before it is there."""
    assert newest(layout) is None
    files = CheckpointFiles(layout, 1)
    for number in range(5):
        files.write(float(number), totals(number), {}, durably=number == 2)
        assert newest(layout) == (1, float(number))
    for path, cut in zip(layout.checkpoints, (0, 0.5), strict=True):
        whole = path.read_bytes()
        path.write_bytes(whole[: round(len(whole) * cut)])
    assert newest(layout) == (1, 2.0)


def test_a_newer_attempt_counts_more(layout: RunLayout) -> None:
    """What a newer attempt has written is newer, though an older one had come further."""
    CheckpointFiles(layout, 1).write(50.0, totals(48), {}, durably=False)
    CheckpointFiles(layout, 2).write(31.0, totals(29), {}, durably=True)
    assert newest(layout) == (2, 31.0)
    remove_checkpoints(layout)
    assert newest(layout) is None


def test_flipped_bits_are_seen(layout: RunLayout) -> None:
    """A state in which a bit is wrong is no state."""
    CheckpointFiles(layout, 1).write(1.0, totals(1), {}, durably=True)
    data = bytearray(layout.durable_checkpoint.read_bytes())
    data[-1] ^= 1
    layout.durable_checkpoint.write_bytes(data)
    with pytest.raises(ValueError, match="not an intact checkpoint"):
        read_checkpoint(layout.durable_checkpoint)


def test_a_state_of_another_format_is_refused(layout: RunLayout) -> None:
    """A state that an earlier version wrote is refused in one sentence that says what to do, whichever file has it."""
    state = {"attempt": 1, "number": 0, "t_s": 5.0, "states": {"record": {"windows": 3}}}
    for path, old in product((*layout.checkpoints, layout.durable_checkpoint), (pack(state), msgpack.packb(state))):
        path.write_bytes(zlib.crc32(old).to_bytes(4, "little") + old)
        with pytest.raises(UsageError, match="state format 1, and this version reads format 5: finish the run"):
            newest_checkpoint(layout)
        path.unlink()


def test_attempts_are_numbered(layout: RunLayout) -> None:
    """On the same boot nothing is forgotten, and each attempt is the next."""
    keep(layout, 7)
    CheckpointFiles(layout, 1).write(5.0, totals(3), {}, durably=False)
    assert begin_attempt(layout, "one") == 2
    assert newest(layout) == (1, 5.0)
    assert rows_in(layout.arrays) == 7


@pytest.mark.parametrize(("in_segments", "rows"), [(2, 4), (6, 6)])
def test_after_a_power_cut_only_what_was_durable_counts(layout: RunLayout, in_segments: int, rows: int) -> None:
    """On another boot: the last checkpoint's state, its windows, and those of segments that were closed."""
    keep(layout, 9)
    files = CheckpointFiles(layout, 1)
    files.write(30.0, totals(4), {}, durably=True)
    files.write(31.0, totals(5), {}, durably=False)
    with EventLog(layout.events) as log:
        log.append(segment(in_segments))
    assert newest(layout) == (1, 31.0)
    assert begin_attempt(layout, "two") == 2
    assert newest(layout) == (1, 30.0)
    assert [len(np.load(path)) for path in layout.arrays] == [rows] * 3
    keep(layout, 9, attempt=2)
    assert np.array_equal(np.load(layout.timestamps), np.arange(9.0))


def segment(windows: int) -> SegmentClosed:
    """A closed segment with so many windows."""
    return SegmentClosed(
        segment_id="s0000", t_start_s=0.0, t_end_s=float(windows), kind="typical", closed_by="max_duration",
        detected_at_s=40.0, windows=windows, score_mean=None, score_max=None, theta_on=None, theta_off=None,
        period_s=None, cycles=None, damaged_s=0.0, keyframes=0, frames_digest="0" * 64,
    )  # fmt: skip


def test_run_without_durable_state_starts_over(layout: RunLayout) -> None:
    """A power cut before the first checkpoint leaves nothing to continue from, and no row that could be wrong."""
    keep(layout, 3)
    CheckpointFiles(layout, 1).write(2.0, totals(2), {}, durably=False)
    begin_attempt(layout, "two")
    assert newest(layout) is None
    assert rows_in(layout.arrays) == 0


LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text() | st.binary()
    | arrays_of.arrays(st.sampled_from(["<f8", "<f4", "<f2", "|u1"]), st.sampled_from([(0,), (3,), (2, 5)]))
)  # fmt: skip
STATES = st.dictionaries(st.text(), st.recursive(LEAVES, lambda inner: st.dictionaries(st.text(), inner), max_leaves=9))


def plain(value: object) -> object:
    """The same, comparable: arrays as their bits."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


@pytest.mark.slow
@examples(40)
@given(state=STATES)
def test_states_are_packed_whole(state: State) -> None:
    """What is packed is unpacked equal, arrays bit for bit with their dtype and shape."""
    assert plain(unpack(pack(state))) == plain(state)


def test_only_plain_things_are_packed() -> None:
    """An object, an array of objects, or another extension than ours goes neither in nor out."""
    for odd in (object(), np.array([object()]), {1, 2}):
        with pytest.raises(CodecError, match=r"only msgpack's types and arrays can|array of \|O cannot"):
            pack({"odd": odd})
    with pytest.raises(CodecError, match="expected a dict"):
        unpack(b"\x02\x93\x01\x02\x03")
    with pytest.raises(CodecError, match="extension 5"):
        unpack(b"\x02\x81\xa1a\xc7\x06\x05" + b"\x93\xa1x\x90\xc4\x00")


def test_a_state_of_another_kind_is_refused() -> None:
    """A value that is missing or of another type is named."""
    assert take_optional({"a": None}, "a", int) is None
    with pytest.raises(TypeError, match="a of a state is a str, expected int"):
        take({"a": "1"}, "a", int)
    with pytest.raises(KeyError):
        take({}, "a", int)


def test_the_earliest_need_decides_from_where_to_replay() -> None:
    """Of all states, however deep, the earliest ``replay_from_s`` counts; without any there is none."""
    assert replay_from_s({"a": {"b": {"replay_from_s": 3.5}, "c": {"replay_from_s": 2.5}}, "d": {"x": 1.0}}) == 2.5
    assert replay_from_s({"a": {"b": {"replay_from_s": None}}}) is None
