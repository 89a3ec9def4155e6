"""Digests of weights, which are worked out once: hashing 16 GB takes as long as describing a clip.

The hub lists the digests of its files, and its client checks the size of what it downloads, not its content. So every
file is hashed once after it has come; a note in the user's cache says so, and the file is hashed again only when it has
changed since. A file in a local folder has a note with its digest.
"""

import hashlib
import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_SHA256_DIGITS: Final = 64
_SETTLES_NS: Final = 2 * 10**9
"""A file that was changed this recently may change again without another modification time; git calls it racy."""


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


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; remembered for as long as its size, modification time and inode stay the same.

    Each file has a note of its own, which is replaced as a whole, so several processes may write it.
    """
    real = path.resolve()
    note = _cache() / "hashes" / hashlib.sha256(os.fsencode(real)).hexdigest()
    before = _state(real)
    known = _parsed(_read(note))
    if {**before, "sha256": known.get("sha256")} == known:
        return str(known["sha256"])
    with real.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    is_settled = time.time_ns() - int(before["mtime_ns"]) > _SETTLES_NS
    if is_settled and _state(real) == before:
        _write(note, json.dumps({**before, "sha256": digest}))
    return digest


def _state(path: Path) -> dict[str, str | int]:
    found = path.stat()
    return {
        "path": str(path), "size_bytes": found.st_size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino,
    }  # fmt: skip


def _parsed(note: str | None) -> dict[str, str | int]:
    try:
        value = json.loads(note or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _digest(path: Path, size_bytes: int, *, sha256: bool) -> str:
    digest = hashlib.sha256() if sha256 else hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def _note_of(digest: str) -> Path:
    return _cache() / "verified" / digest


def _cache() -> Path:
    """In the user's cache (XDG Base Directory Specification)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "egoclean-stream"


def _read(note: Path) -> str | None:
    try:
        return note.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(note: Path, text: str) -> None:
    """Without a place for the note the file is hashed again the next time."""
    part = note.with_name(f"{note.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(note)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
