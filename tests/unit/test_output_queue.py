"""The queue between those who print and the thread that writes: bounded, and honest about what it drops."""

import sys

import pytest

from stream.ui.output_queue import OutputQueue


def queue_of(chunks: int) -> OutputQueue:
    """A queue with room for so many of the chunks that ``line`` makes."""
    return OutputQueue(chunks * sys.getsizeof(line(0)))


def line(number: int) -> bytes:
    """A line; all have the same length."""
    return b"line %03d\n" % number


def drain(queue: OutputQueue) -> list[bytes]:
    """All chunks that a closed queue still holds."""
    queue.close()
    return list(iter(queue.take, None))


def test_chunks_come_in_their_order() -> None:
    """What fits is neither dropped nor counted."""
    queue = queue_of(3)
    for number in range(3):
        queue.put(line(number))
    assert drain(queue) == [line(0), line(1), line(2)]
    assert queue.dropped_lines() == 0


def test_the_oldest_make_room() -> None:
    """The newest stay, and the rest is counted, once."""
    queue = queue_of(2)
    for number in range(100):
        queue.put(line(number))
    assert drain(queue) == [line(98), line(99)]
    assert (queue.dropped_lines(), queue.dropped_lines()) == (98, 0)


@pytest.mark.parametrize(
    ("chunk", "lines"), [(b"one\ntwo\nthree\n", 3), (b"a bar without an end of line", 1), (b"x" * 1000, 1)]
)
def test_lines_are_counted_not_chunks(chunk: bytes, lines: int) -> None:
    """A chunk may be several lines, or a part of one; one that is too large for the queue is dropped as a whole."""
    queue = OutputQueue(1)
    queue.put(chunk)
    assert drain(queue) == []
    assert queue.dropped_lines() == lines


def test_a_gap_is_reported_after_it() -> None:
    """While older lines wait nothing is reported, so that a slow reader gets one report and not many."""
    queue = queue_of(1)
    for number in range(3):
        queue.put(line(number))
    assert queue.dropped_lines() == 0
    assert queue.take() == line(2)
    queue.count_dropped(line(2))
    assert queue.dropped_lines() == 3


def test_what_nobody_took_is_counted_in_the_end() -> None:
    """Closed, a queue takes nothing more; what it holds can be dropped, and counts."""
    queue = queue_of(2)
    for number in range(3):
        queue.put(line(number))
    queue.close()
    queue.put(line(3))
    assert queue.drop_all() == 3
    assert queue.take() is None


def test_small_chunks_are_bounded_too() -> None:
    """Memory is what counts: a million empty lines do not fit into a kilobyte."""
    queue = OutputQueue(1024)
    for _ in range(1000):
        queue.put(b"\n")
    assert 1 <= len(drain(queue)) <= 1024 // sys.getsizeof(b"\n")
