"""A remote file as a file: which parts are fetched, how many are held, and that they are put together rightly."""

import threading
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import SourceError
from stream.sources.clip import Clip
from stream.sources.fetched import fetched_parts, with_parts, with_recorder
from stream.sources.remote import file as remote
from stream.sources.remote import parts
from stream.sources.remote.file import RemoteFile, Traffic
from stream.sources.table import open_clip
from tests.support.properties import examples

_DATA = bytes(number * 7 % 251 for number in range(10_000))
_BLOCK = 64
_ENOUGH_S = 30.0


class _Counted(BytesIO):
    """Counts how often each block is read."""

    def __init__(self) -> None:
        super().__init__(_DATA)
        self.fetched: Counter[int] = Counter()
        self.errors: list[Exception] = []

    def read(self, length: int | None = -1, /) -> bytes:
        if self.errors:
            raise self.errors.pop()
        self.fetched[self.tell() // _BLOCK] += 1
        return super().read(length)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BLOCK_BYTES", _BLOCK)
    monkeypatch.setattr(remote, "CACHED_BLOCKS", 4)


def _no_file(to: Path) -> tuple[Path, bool]:
    raise FileNotFoundError(to)


def _remote(counted: _Counted, name: str = "s3://bucket/clip.mp4") -> RemoteFile:
    return RemoteFile(
        name=name, size_bytes=len(_DATA), oid=None, origin={}, traffic=Traffic(), opens=lambda: counted,
        fetches=_no_file, sibling=lambda _: None, path_in_storage="clip.mp4",
    )  # fmt: skip


@examples()
@given(
    offset=st.integers(0, 9_000),
    size=st.integers(0, 1_000),
    reads=st.lists(st.tuples(st.integers(0, 1_100), st.integers(0, 300)), max_size=20),
)
def test_any_read_gives_what_stands_there(offset: int, size: int, reads: list[tuple[int, int]]) -> None:
    """However it is read, the file is the slice of the data, and nothing beyond."""
    counted = _Counted()
    part = _DATA[offset : offset + size]
    with _remote(counted).open(offset, size) as file:
        for position, length in reads:
            file.seek(position)
            received = b""
            while len(received) < length and (more := file.read(length - len(received))):
                received += more
            assert received == part[position : position + length]


def test_reading_straight_on_fetches_each_block_once() -> None:
    """Also with reading ahead, which never goes beyond the part; all that was received is counted."""
    counted = _Counted()
    file = _remote(counted)
    with file.open(640, 1280) as part:
        assert part.readall() == _DATA[640:1920]
    assert counted.fetched == Counter(range(10, 30))
    assert file.fetched_bytes == 1280


def test_a_part_that_is_opened_again_is_not_fetched_again() -> None:
    """The blocks that were read last stay with the file."""
    counted = _Counted()
    file = _remote(counted)
    for _ in range(3):
        with file.open(0, 4 * _BLOCK) as part:
            assert part.read(1) == _DATA[:1]
    assert counted.fetched[0] == 1


def test_the_next_block_is_under_way_while_one_is_used() -> None:
    """Reading the first block fetches the second in the background."""
    came = threading.Event()

    class Watched(_Counted):
        def read(self, length: int | None = -1, /) -> bytes:
            if self.tell() == _BLOCK:
                came.set()
            return super().read(length)

    with _remote(Watched()).open(0, len(_DATA)) as file:
        file.read(1)
        assert came.wait(_ENOUGH_S)


def test_no_more_than_a_few_blocks_are_held() -> None:
    """What was used longest ago goes first."""
    file = _remote(_Counted())
    with file.open(0, len(_DATA)) as part:
        part.readall()
    (cache,) = file._caches.values()
    assert cache.cache_info().currsize <= 4


def test_skimming_fetches_small_blocks_and_nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the headers of a tar, a few bytes here and there."""
    monkeypatch.setattr(remote, "SKIM_BYTES", _BLOCK)
    counted = _Counted()
    with _remote(counted).skim() as file:
        file.read(1)
        file.seek(100 * _BLOCK)
        file.read(1)
    assert counted.fetched == Counter({0: 1, 100: 1})


def test_a_block_that_did_not_come_is_fetched_again() -> None:
    """An error belongs to the read that met it, and not to the next one."""
    counted = _Counted()
    counted.errors = [OSError("cut")]
    with _remote(counted).open(0, _BLOCK) as file:
        with pytest.raises(SourceError, match=r"s3://bucket/clip\.mp4 cannot be read: OSError: cut"):
            file.read(1)
        assert file.read(1) == _DATA[:1]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError("clip.mp4"), "does not exist"),
        (PermissionError("Forbidden"), "access is denied; set AWS_PROFILE"),
        (OSError("Unable to reach http://key:secret@host"), "OSError: no response"),
    ],
)
def test_errors_of_a_store_are_sentences(error: Exception, message: str) -> None:
    """They say what helps, and repeat no address, which may hold a password."""
    counted = _Counted()
    counted.errors = [error]
    with _remote(counted).open(0, _BLOCK) as file, pytest.raises(SourceError, match=message) as caught:
        file.read(1)
    assert "secret" not in str(caught.value)


def _clip(counted: _Counted, oid: str | None = "one") -> Clip:
    file = replace(_remote(counted), oid=oid)
    return Clip(file.name, "clip", file, 640, 1280)


def test_what_was_recorded_is_not_fetched_again() -> None:
    """Another opening of the same file takes it from memory, and fetches only the rest; nothing is fetched ahead."""
    first, second = _Counted(), _Counted()
    probed = with_recorder(_clip(first))
    with probed.open() as part:
        part.read(100)
    assert sum(first.fetched.values()) < 20
    source = with_parts(_clip(second), fetched_parts(probed))
    with source.open() as part:
        assert part.read() == _DATA[640:1920]
    assert first.fetched + second.fetched == Counter(range(10, 30))


def test_parts_of_another_content_are_not_used() -> None:
    """A file that has changed since is fetched anew; so is what did not fit into memory."""
    probed, counted = with_recorder(_clip(_Counted())), _Counted()
    with probed.open() as part:
        part.read()
    with with_parts(_clip(counted, oid="two"), fetched_parts(probed)).open() as part:
        part.read()
    assert counted.fetched == Counter(range(10, 30))
    assert with_parts(_clip(counted), None).open().read() == _DATA[640:1920]


def test_no_more_is_recorded_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first parts are kept, up to the limit."""
    monkeypatch.setattr(parts, "RECORDED_BYTES_MAX", 5 * _BLOCK)
    probed = with_recorder(_clip(_Counted()))
    with probed.open() as part:
        part.read()
    fetched = fetched_parts(probed)
    assert fetched is not None
    assert len(fetched.parts) == 5
    assert fetched.find(650, 660) == _DATA[650:660]
    assert fetched.find(0, 10) is fetched.find(690, 720) is None


def test_a_file_on_disk_records_nothing(tmp_path: Path) -> None:
    """Its bytes are read again for nothing."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(_DATA)
    clip = open_clip(str(path))
    assert with_recorder(clip) is clip
    assert fetched_parts(clip) is None
