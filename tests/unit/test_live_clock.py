"""The line of time of a camera: across connections, and when its clock wraps or is set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sources.live.camera_clock import WRAP_TICKS, CameraClock
from tests.support.live_packets import packet
from tests.support.properties import examples


def _end_of(line: CameraClock, t_s: float) -> float:
    return round(t_s + line.offset_s, 6)


def test_the_first_packet_is_the_beginning() -> None:
    """Whatever the camera's clock says, the line begins at 0."""
    line = CameraClock()
    first = packet(5000.0)
    assert not line.fit(first, 10.0)
    assert line.restart(first, 10.0) == 0.0
    assert _end_of(line, 5000.0) == 0.0


def test_a_gap_is_measured_by_the_monotonic_clock() -> None:
    """From the arrival of the last packet to that of the first one after, regardless of the camera's new clock."""
    line = CameraClock()
    line.restart(packet(50.0), 10.0)
    assert line.fit(packet(51.0), 11.0)
    line.connect()
    again = packet(0.0)
    assert not line.fit(again, 18.5)
    assert line.restart(again, 18.5) == pytest.approx(1.0 + 7.5)
    assert line.fit(packet(1.0), 18.6)
    assert _end_of(line, 1.0) == pytest.approx(9.5)


def test_an_immediate_reconnection_does_not_overlap() -> None:
    """What arrives in a burst may end later on the line than it arrived: the next connection begins behind it."""
    line = CameraClock()
    line.restart(packet(0.0), 10.0)
    for number in range(1, 90):
        assert line.fit(packet(number / 30), 10.0)
    line.connect()
    assert line.restart(packet(0.0), 10.01) == pytest.approx(3.0)


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [3000, 1, WRAP_TICKS // 2])
def test_a_wrap_at_33_bits_is_not_a_gap(ahead: int) -> None:
    """Times continue as if the clock had more bits, as often as it wraps."""
    line = CameraClock()
    start = WRAP_TICKS - ahead
    line.restart(packet(0.0, ticks=start), 0.0)
    for number in range(1, 4 * WRAP_TICKS // (9 * 90_000)):
        ticks = (start + number * 9 * 90_000) % WRAP_TICKS
        moved = packet(0.0, ticks=ticks)
        assert line.fit(moved, 9.0 * number)
        assert (moved.pts or 0) / 90_000 + line.offset_s == pytest.approx(9.0 * number)


@pytest.mark.parametrize("set_to_s", [0.0, 400.0, 1e6])
def test_a_clock_set_while_packets_arrive_is_not_a_gap(set_to_s: float) -> None:
    """The picture after it stands where the one before ended."""
    line = CameraClock()
    line.restart(packet(100.0), 10.0)
    moved, next_one = packet(set_to_s), packet(set_to_s + 1 / 30)
    assert line.fit(moved, 10.04)
    assert line.fit(next_one, 10.07)
    assert (moved.pts or 0) / 90_000 + line.offset_s == pytest.approx(1 / 30)
    assert (next_one.pts or 0) / 90_000 + line.offset_s == pytest.approx(2 / 30)


def test_a_clock_that_is_set_over_a_pause_is_a_gap() -> None:
    """Where packets paused, too, time is missing: the line is taken up anew, by the monotonic clock."""
    line = CameraClock()
    line.restart(packet(100.0), 10.0)
    moved = packet(0.0)
    assert not line.fit(moved, 14.0)
    assert moved.pts == 0
    assert line.restart(moved, 14.0) == pytest.approx(4.0)


def test_a_small_step_back_is_a_jitter() -> None:
    """It is left as it is: decoding puts the picture in order."""
    line = CameraClock()
    line.restart(packet(100.0), 10.0)
    late = packet(99.9)
    assert line.fit(late, 10.1)
    assert (late.pts or 0) / 90_000 + line.offset_s == pytest.approx(-0.1)


@examples()
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 2e5), st.booleans()), max_size=30))
def test_the_line_never_goes_back_at_a_connection(story: list[tuple[float, float, bool]]) -> None:
    """With any clock after a reconnection, each connection begins at or after the end of the previous one."""
    line, now_s, end_s = CameraClock(), 0.0, 0.0
    for pause_s, clock_s, connects in story:
        now_s += pause_s
        if connects:
            line.connect()
        given_packet = packet(clock_s)
        if not line.fit(given_packet, now_s):
            assert line.restart(given_packet, now_s) >= end_s - 1e-4
            end_s = max(end_s, (given_packet.pts or 0) / 90_000 + line.offset_s)
