"""The digests that the hub lists for its files, and whether a cached file was found to match its own.

The client checks the size of what it downloads, not its content. So every file is hashed once after it has come; a
note in the user's cache says so, and the file is hashed again only when it has changed since.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

_SHA256_DIGITS: Final = 64


def has_digest(path: Path, digest: str) -> bool:
    """Whether a file has this digest, hexadecimal: SHA-256, or git's name of a blob.

    The latter is SHA-1 over a header and the content. The answer yes is remembered for as long as the file's size and
    modification time stay the same.
    """
    state = path.stat()
    note = _note_of(digest)
    expected = f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"
    if _read(note) == expected:
        return True
    if _digest(path, state.st_size, sha256=len(digest) == _SHA256_DIGITS) != digest:
        return False
    _write(note, expected)
    return True


def _digest(path: Path, size_bytes: int, *, sha256: bool) -> str:
    digest = hashlib.sha256() if sha256 else hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def _note_of(digest: str) -> Path:
    """In the user's cache (XDG Base Directory Specification)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "egoclean-stream" / "verified" / digest


def _read(note: Path) -> str | None:
    try:
        return note.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(note: Path, text: str) -> None:
    """Without a place for the note the file is hashed again the next time."""
    part = note.with_name(f"{note.name}.{os.getpid()}")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(note)
    except OSError:
        return
