"""What the program prints holds nobody up, and its errors are those of the output."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import pytest

from stream.errors import EgocleanError, NoRoomError
from stream.ui.standard_streams import OutputWriter, StandardStream, as_text, echo
from tests.support.stalled import Stalled, drained, full_pipe, stopped_terminal

NAME = "standard output"

Stall: TypeAlias = Callable[[], AbstractContextManager[Stalled]]


@pytest.fixture
def full_disk() -> Iterator[int]:
    """A descriptor on which there is no room."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("stalled", [full_pipe, stopped_terminal])
def test_nobody_waits_for_a_reader(stalled: Stall, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a line nor the end waits; what was not written is counted, and the descriptor stays blocking."""
    with stalled() as ends:
        writer = OutputWriter(ends.writing, NAME)
        for number in range(5):
            writer.write(b"line %d\n" % number)
        assert not writer.close(0.0)
        assert os.get_blocking(ends.writing)
        (record,) = caplog.records
        assert record.getMessage().endswith(f"dropped, because {NAME} was not read")
        assert b"x" in drained(ends.reading)


def test_a_reader_gets_all_that_fits() -> None:
    """In their order, to the last."""
    reading, writing = os.pipe()
    writer = OutputWriter(writing, NAME)
    for number in range(100):
        writer.write(b"line %d\n" % number)
    assert writer.close(60.0)
    assert drained(reading) == b"".join(b"line %d\n" % number for number in range(100))
    os.close(reading)
    os.close(writing)


def test_a_reader_that_has_gone_misses_nothing(closed_pipe: int, caplog: pytest.LogCaptureFixture) -> None:
    """It is no error, and nothing to report."""
    writer = OutputWriter(closed_pipe, NAME)
    for _ in range(3):
        writer.write(b"line\n")
    assert writer.close(60.0)
    assert caplog.records == []


def test_a_full_disk_is_named_once(full_disk: int, caplog: pytest.LogCaptureFixture) -> None:
    """The output is named, not the disk of the run, with the number of lines that it lacks."""
    writer = OutputWriter(full_disk, NAME)
    for _ in range(3):
        writer.write(b"line\n")
    assert writer.close(60.0)
    (record,) = caplog.records
    assert record.getMessage() == f"3 lines were dropped, because {NAME} cannot be written (No space left on device)"


def test_a_product_that_cannot_be_written_is_an_error(full_disk: int, closed_pipe: int, tmp_path: Path) -> None:
    """No room is exit code 6, a reader that went away 141, as with other programs, and the rest internal."""
    with pytest.raises(NoRoomError, match="standard output cannot be written: No space left on device"):
        StandardStream(full_disk, NAME, is_product=True).write(b"{}\n")
    with pytest.raises(SystemExit) as exit_:
        StandardStream(closed_pipe, NAME, is_product=True).write(b"{}\n")
    assert exit_.value.code == 141
    (tmp_path / "file").touch()
    only_to_read = os.open(tmp_path / "file", os.O_RDONLY)
    with pytest.raises(EgocleanError, match="standard output cannot be written: Bad file descriptor"):
        StandardStream(only_to_read, NAME, is_product=True).write(b"{}\n")
    os.close(only_to_read)


def test_a_message_that_cannot_be_written_is_no_error(full_disk: int, closed_pipe: int) -> None:
    """The exit code says what happened, also if the sentence is lost."""
    for fd in (full_disk, closed_pipe):
        assert StandardStream(fd, "standard error", is_product=False).write(b"line\n") == 5


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("größer.mp4", rb"gr\xf6\xdfer.mp4"),
        ("bad\udcff.mp4", rb"bad\ufffd.mp4"),
        ("\x1b[31mred\x9b\r\n.mp4", rb"\ufffd[31mred\ufffd .mp4"),
    ],
)
def test_names_are_escaped_where_they_cannot_be_printed(
    name: str, printed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In ASCII, too: a name is neither an error nor a command to the terminal."""
    with (tmp_path / "out").open("wb") as out:
        ascii_text = io.TextIOWrapper(io.BytesIO(), "ascii")
        text = as_text(StandardStream(out.fileno(), NAME, is_product=True), like=ascii_text)
        monkeypatch.setattr(sys, "stdout", text)
        echo(name)
    assert (tmp_path / "out").read_bytes() == printed + b"\n"
