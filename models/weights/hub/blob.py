"""One file of the hub, fetched piece by piece: what came stays, and it counts only when its digest is right."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.errors import ModelUnavailableError
from models.weights.hub.retry import attempts

_SHA256_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Blob:
    """A file as the hub describes it."""

    url: str
    size_bytes: int
    digest: str
    """SHA-256 of a large file, git's name of a small one (SHA-1 over a header and the content), hexadecimal."""


def fetch_blob(
    blob: Blob,
    path: Path,
    headers: Mapping[str, str],
    *,
    received: Callable[[int], None],
    waiting: Callable[[float], None],
) -> None:
    """Bring ``blob`` to ``path``, going on from what an earlier call left in ``<path>.incomplete``.

    Args:
        blob: what to fetch.
        path: where to; it appears whole or not at all.
        headers: of every request, with the token.
        received: hears how many bytes are here, after every piece.
        waiting: hears of seconds that the hub asks to wait.

    Raises:
        ModelUnavailableError: the content is not what its digest says. What came is removed.
        httpx2.HTTPError: the hub does not give it. What came is kept.
        OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.incomplete")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    while part.stat().st_size < blob.size_bytes:
        for attempt in attempts(waiting, connected=True):
            with attempt:
                _append(blob, part, headers, received)
    _check(blob, part)
    part.replace(path)


def _append(blob: Blob, part: Path, headers: Mapping[str, str], received: Callable[[int], None]) -> None:
    """Fetch on from where ``part`` ends; a cut connection ends it early, and is an error only if nothing came."""
    import httpx2
    from huggingface_hub import get_session, hf_raise_for_status
    from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

    here = before = part.stat().st_size
    asked = {**headers, "Accept-Encoding": "identity", "Range": f"bytes={here}-"}
    stream = get_session().stream("GET", blob.url, headers=asked, timeout=HF_HUB_DOWNLOAD_TIMEOUT)
    with stream as response, part.open("ab") as file:
        hf_raise_for_status(response)
        if response.status_code != httpx2.codes.PARTIAL_CONTENT:  # all of it comes, not the rest
            here = file.truncate(0)
        try:
            for piece in response.iter_bytes():
                here += file.write(piece)
                received(here)
        except httpx2.TransportError:
            if here <= before:
                raise


def _check(blob: Blob, part: Path) -> None:
    digest = hashlib.sha256() if len(blob.digest) == _SHA256_DIGITS else _git_sha1(part.stat().st_size)
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: digest).hexdigest()
    if found != blob.digest:
        part.unlink()
        raise ModelUnavailableError(
            f"what came from {blob.url} has the digest {found}, expected {blob.digest}: it was removed, fetch it again"
        )


def _git_sha1(size_bytes: int) -> "hashlib._Hash":
    """Git's hash of a blob: SHA-1 over ``blob <size>``, a zero byte and the content."""
    return hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
