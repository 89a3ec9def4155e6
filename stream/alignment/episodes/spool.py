"""The finished frames of an episode, kept until the episode is whole: a killed call is continued by the next.

HDF5 files whose writer was killed cannot be read, so frames go here first: ``frames.bin`` holds their bytes one after
another, ``frames.jsonl`` a line for each. A line has a checksum, and counts only if its bytes are there.
"""

import fcntl
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Self

from stream.errors import UsageError
from stream.records.store.atomic import remove_tree, replace_file

_HEADER: Final = "header.json"
_BYTES: Final = "frames.bin"
_LINES: Final = "frames.jsonl"
_LOCK: Final = "lock"


class SpooledFrame(NamedTuple):
    """One frame."""

    facts: dict[str, Any]
    picture: bytes
    origin: bytes
    """PNG."""


class Spool:
    """The spool of one episode, locked for one writer."""

    def __init__(self, folder: Path, header: Mapping[str, Any], *, overwrite: bool) -> None:
        """Open the spool, or create it; frames that are not whole are cut off.

        Args:
            folder: Its own.
            header: What decides the frames: the source's digest and the options, as JSON values.
            overwrite: Discard an earlier spool with another header.

        Raises:
            UsageError: another call is writing, or an earlier one with another header has left it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = _locked(folder)
        try:
            self._require_same(header, overwrite=overwrite)
        except UsageError:
            self._lock.close()
            raise
        self._bytes: BinaryIO = (folder / _BYTES).open("ab+", buffering=0)
        self._lines: BinaryIO = (folder / _LINES).open("ab+", buffering=0)
        self.count = self._cut()
        """Whole frames so far."""

    def add(self, frame: SpooledFrame) -> None:
        """Append a frame.

        Raises:
            OSError: the disk is full, or fails.
        """
        content = frame.picture + frame.origin
        _write(self._bytes, content)
        envelope = {
            "picture_bytes": len(frame.picture),
            "origin_bytes": len(frame.origin),
            "crc32": zlib.crc32(content),
        }
        _write(self._lines, json.dumps({"facts": frame.facts, **envelope}).encode() + b"\n")
        self.count += 1

    def facts(self) -> Iterator[dict[str, Any]]:
        """The facts of all frames, in order."""
        with (self._folder / _LINES).open("rb") as lines:
            for line in lines:
                yield json.loads(line)["facts"]

    def frames(self) -> Iterator[SpooledFrame]:
        """All frames, in order; one is in memory at a time."""
        with (self._folder / _LINES).open("rb") as lines, (self._folder / _BYTES).open("rb") as content:
            for line in lines:
                envelope = json.loads(line)
                picture, origin = content.read(envelope["picture_bytes"]), content.read(envelope["origin_bytes"])
                yield SpooledFrame(envelope["facts"], picture, origin)

    def remove(self) -> None:
        """Remove the spool: its frames are in the episode's own files."""
        self.close()
        remove_tree(self._folder)

    def close(self) -> None:
        for file in (self._bytes, self._lines, self._lock):
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_same(self, header: Mapping[str, Any], *, overwrite: bool) -> None:
        path = self._folder / _HEADER
        before = json.loads(path.read_bytes()) if path.exists() else None
        now = json.loads(json.dumps(header))
        if before == now:
            return
        if before is not None and not overwrite:
            differing = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
            raise UsageError(
                f"{self._folder} holds an unfinished episode with another {differing[0]} "
                f"({before.get(differing[0])}, not {now.get(differing[0])}): repeat that command, choose another "
                "--output_dir, or discard it with --overwrite"
            )
        for name in (_BYTES, _LINES):
            (self._folder / name).unlink(missing_ok=True)
        replace_file(path, json.dumps(header).encode())

    def _cut(self) -> int:
        """Cut off what is not whole, after a kill or a power cut; returns how many frames are."""
        whole = lines_end = bytes_end = 0
        self._lines.seek(0)
        self._bytes.seek(0)
        with (self._folder / _LINES).open("rb") as lines, (self._folder / _BYTES).open("rb") as content:
            for line in lines:
                size_bytes = _whole_size(line, content)
                if size_bytes is None:
                    break
                whole, lines_end, bytes_end = whole + 1, lines_end + len(line), bytes_end + size_bytes
        self._lines.truncate(lines_end)
        self._bytes.truncate(bytes_end)
        return whole


def _whole_size(line: bytes, content: BinaryIO) -> int | None:
    """How many bytes belong to a line; None if it or they are not whole."""
    try:
        envelope = json.loads(line)
    except ValueError:
        return None
    size_bytes = int(envelope["picture_bytes"] + envelope["origin_bytes"])
    found = content.read(size_bytes)
    is_whole = line.endswith(b"\n") and len(found) == size_bytes and zlib.crc32(found) == envelope["crc32"]
    return size_bytes if is_whole else None


def _write(file: BinaryIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _locked(folder: Path) -> BinaryIO:
    file = (folder / _LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise UsageError(f"another call is writing to {folder}: wait for it, or choose another --output_dir") from error
    return file
