"""A remote file as a file: which parts are fetched, how many are held, and that they are put together rightly."""

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.sources.remote.blocks import BlockFile, Blocks

_DATA = bytes(number * 7 % 251 for number in range(10_000))
_BLOCK = 64
_ENOUGH_S = 30.0


class _Remote:
    """Counts how often each block is fetched."""

    def __init__(self) -> None:
        self.fetched: Counter[int] = Counter()
        self.lock = threading.Lock()

    def fetch(self, start: int, stop: int) -> bytes:
        with self.lock:
            self.fetched[start // _BLOCK] += 1
        return _DATA[start:stop]


def blocks_of(remote: _Remote, *, kept: int = 4, ahead: bool = False) -> Blocks:
    return Blocks(remote.fetch, len(_DATA), block_bytes=_BLOCK, kept=kept, ahead=ahead)


@settings(deadline=None, derandomize=True)
@given(
    offset=st.integers(0, 9_000),
    size=st.integers(0, 1_000),
    reads=st.lists(st.tuples(st.integers(0, 1_100), st.integers(0, 300)), max_size=20),
    ahead=st.booleans(),
)
def test_any_read_gives_what_stands_there(offset: int, size: int, reads: list[tuple[int, int]], *, ahead: bool) -> None:
    """However it is read, the file is the slice of the data, and nothing beyond."""
    part = _DATA[offset : offset + size]
    with BlockFile(blocks_of(_Remote(), ahead=ahead), "part", offset, size) as file:
        for position, length in reads:
            file.seek(position)
            got = b""
            while len(got) < length and (more := file.read(length - len(got))):
                got += more
            assert got == part[position : position + length]


def test_reading_straight_on_fetches_each_block_once() -> None:
    """Also with reading ahead, which never goes beyond the part."""
    remote = _Remote()
    with BlockFile(blocks_of(remote, ahead=True), "part", 640, 1280) as file:
        assert file.readall() == _DATA[640:1920]
    assert remote.fetched == Counter(range(10, 30))


def test_the_next_block_is_under_way_while_one_is_used() -> None:
    """After two blocks in a row the third comes by itself; after a jump nothing does."""
    came = threading.Event()

    class Watched(_Remote):
        def fetch(self, start: int, stop: int) -> bytes:
            if start // _BLOCK == 2:
                came.set()
            return super().fetch(start, stop)

    remote = Watched()
    with BlockFile(blocks_of(remote, ahead=True), "all", 0, len(_DATA)) as file:
        file.read(1)
        file.seek(100 * _BLOCK)
        file.read(1)
        file.seek(0)
        file.read(1)
        assert not came.is_set()
        file.seek(_BLOCK)
        file.read(1)
        assert came.wait(_ENOUGH_S)
    assert set(remote.fetched) == {0, 1, 2, 100}


def test_no_more_than_a_few_blocks_are_held() -> None:
    """What was used longest ago goes first; what was used lately stays."""
    remote = _Remote()
    blocks = blocks_of(remote, kept=4)
    with BlockFile(blocks, "all", 0, len(_DATA)) as file:
        for number in (0, 1, 0, 2, 0, 3, 0, 4, 0):
            file.seek(number * _BLOCK)
            file.read(1)
    assert remote.fetched == Counter(range(5))
    assert len(blocks._blocks) == 4


def test_a_block_that_did_not_come_is_fetched_again() -> None:
    """An error belongs to the read that met it, and not to the next one."""
    remote, failures = _Remote(), [OSError("cut")]

    def fetch(start: int, stop: int) -> bytes:
        if failures:
            raise failures.pop()
        return remote.fetch(start, stop)

    blocks = Blocks(fetch, len(_DATA), block_bytes=_BLOCK, kept=4, ahead=False)
    with BlockFile(blocks, "all", 0, len(_DATA)) as file:
        with pytest.raises(OSError, match="cut"):
            file.read(1)
        assert file.read(1) == _DATA[:1]
