"""What waits to be decoded: bounded in age and in bytes, and dropped in whole groups of pictures."""

import math
import threading
from collections.abc import Sequence

from stream.pipeline.items import ConnectionLost, ConnectionRestored, Packet, PacketsDropped, SourceEvent
from stream.sources.live.backoff import FIRST_S, LONGEST_S, Backoff
from stream.sources.live.packet_buffer import PacketBuffer
from tests.support.fake_time import FakeClock
from tests.support.live_packets import group, times_s

DEADLINE_S = 60.0


def _filled(backlog: PacketBuffer, *groups: Sequence[Packet | SourceEvent]) -> None:
    for packets in groups:
        for item in packets:
            backlog.put(item)


def _drain(backlog: PacketBuffer) -> list[Packet | SourceEvent]:
    items = []
    while (item := backlog.take(0.0)) is not None:
        items.append(item)
    return items


def test_what_is_young_enough_comes_in_order() -> None:
    """Nothing is dropped while the oldest packet is young."""
    clock = FakeClock()
    backlog = PacketBuffer(5.0, clock=clock)
    packets = group(0.0, clock())
    _filled(backlog, packets)
    clock.wait(5.0)
    assert _drain(backlog) == packets


def test_late_packets_are_dropped_up_to_a_key_picture() -> None:
    """Whole groups go, from the oldest packet on; one ``PacketsDropped`` says how many and up to when."""
    clock = FakeClock()
    backlog = PacketBuffer(5.0, clock=clock)
    _filled(backlog, group(0.0, 100.0), group(1.0, 101.0), group(2.0, 104.0))
    first_items = [backlog.take(0.0) for _ in range(4)]
    clock.now_s = 107.0
    dropped, *rest = _drain(backlog)
    assert times_s([item for item in first_items if item]) == [0.0, 0.033, 0.067, 0.1]
    assert isinstance(dropped, PacketsDropped)
    assert (dropped.packets, round(dropped.until_s, 3)) == (6 + 10, 1.333)
    assert times_s(rest) == times_s(group(2.0, 0.0))


def test_a_group_of_which_the_beginning_was_dropped_is_not_begun_in_its_middle() -> None:
    """What comes of it later is dropped, too, up to the next key picture."""
    clock = FakeClock()
    backlog = PacketBuffer(5.0, clock=clock)
    first = group(0.0, 100.0)
    _filled(backlog, first[:5])
    clock.now_s = 110.0
    assert _drain(backlog) == []
    late_half = [Packet(item.packet, arrived_at=110.0) for item in first[5:]]
    _filled(backlog, late_half, group(2.0, 110.0))
    dropped, *rest = _drain(backlog)
    assert isinstance(dropped, PacketsDropped)
    assert dropped.packets == 10
    assert times_s(rest) == times_s(group(2.0, 0.0))


def test_a_cut_is_never_dropped() -> None:
    """That a camera was lost, and since when it is back, comes through between what is dropped."""
    clock = FakeClock()
    backlog = PacketBuffer(5.0, clock=clock)
    _filled(
        backlog,
        group(0.0, 100.0),
        [ConnectionLost("a"), ConnectionRestored(9.0, "a")],
        group(9.0, 101.0),
    )
    clock.now_s = 120.0
    _filled(backlog, group(10.0, 120.0, frames=2))
    kinds = [type(item) for item in _drain(backlog)]
    assert kinds == [PacketsDropped, ConnectionLost, ConnectionRestored, PacketsDropped, Packet, Packet]


def test_bytes_are_bounded_while_nothing_is_taken() -> None:
    """A camera that is not read for long fills no memory: the oldest groups go."""
    clock = FakeClock()
    backlog = PacketBuffer(math.inf, most_bytes=3500, clock=clock)
    for number in range(100):
        _filled(backlog, group(float(number), clock(), size=100))
    dropped, *rest = _drain(backlog)
    assert isinstance(dropped, PacketsDropped)
    assert dropped.packets == 97 * 10
    assert times_s(rest)[0] == 97.0


def test_a_source_that_can_wait_waits() -> None:
    """Without times of arrival nothing is dropped: the reader is held until there is room."""
    backlog = PacketBuffer(most_bytes=100)
    packets = [item for number in range(5) for item in group(float(number), None)]

    def fill() -> None:
        _filled(backlog, packets)
        backlog.end()

    reader = threading.Thread(target=fill)
    reader.start()
    items = []
    while not backlog.exhausted:
        if (item := backlog.take(DEADLINE_S)) is not None:
            items.append(item)
    reader.join(DEADLINE_S)
    assert items == packets


def test_waits_double_with_jitter_up_to_a_bound() -> None:
    """Each is shortened by up to a half; after a success they begin anew."""
    clock = FakeClock()
    backoff = Backoff(math.inf, clock=clock, wait=clock.wait, chance=lambda: 0.5)
    assert all(backoff.wait() for _ in range(9))
    assert clock.waits_s == [0.75 * min(LONGEST_S, FIRST_S * 2**n) for n in range(9)]
    backoff.reset()
    assert backoff.wait()
    assert clock.waits_s[-1] == 0.75 * FIRST_S


def test_no_attempt_follows_an_interrupted_wait() -> None:
    """A reader that is to end does not reconnect once more."""
    waits = iter([False, True])
    backoff = Backoff(math.inf, wait=lambda _: next(waits))
    assert [backoff.wait(), backoff.wait()] == [True, False]


def test_the_budget_counts_from_the_first_failure() -> None:
    """The last wait ends with the budget, and then there is one more attempt, and no other."""
    clock = FakeClock()
    backoff = Backoff(4.0, clock=clock, wait=clock.wait, chance=lambda: 0.0)
    waits = [backoff.wait() for _ in range(5)]
    assert waits == [True, True, True, True, False]
    assert sum(clock.waits_s) == 4.0
