"""Sources that are no files on this disk: what a word on the command line names, and how records may call it.

Whoever watches a camera puts its password into the address. So an address has two forms: ``spec``, which only the code
that connects may see, and ``name``, from which all that may be a secret is taken.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from stream.errors import SourceError

Kind: TypeAlias = Literal["rtsp", "http", "pipe", "device"]

STANDARD_INPUT = "-"
_KINDS: dict[str, Kind] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}
_DEVICE = re.compile(r"/dev/video\d+")

_HARMLESS = frozenset({
    "camera", "cam", "channel", "codec", "fps", "profile", "proto", "resolution", "stream", "streamtype", "subtype",
    "track", "transportmode", "unicast", "videocodec",
})  # fmt: skip
"""Keys in addresses of cameras whose values tell one picture from another. Any other value may be a secret."""
_HIDDEN = "***"
_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9-]*)=((?:(?![&;/?#]|_[A-Za-z]+=).)*)")
"""``key=value``, as after ``?``; some cameras have ``user=admin_password=secret_channel=1`` in the path."""

_STEM_MOST = 80
"""Characters of a stem: file names are made from it, and those have at most 255 bytes."""
_VIDEO_ENDINGS = frozenset({".ts", ".m2ts", ".mkv", ".webm", ".mp4", ".mov", ".h265", ".hevc"})


@dataclass(frozen=True, slots=True)
class Address:
    """A source by address."""

    kind: Kind
    spec: str = field(repr=False)
    """As it was given, with its secrets."""

    @property
    def name(self) -> str:
        """For people and records, without secrets."""
        return redacted(self.spec)

    @property
    def stem(self) -> str:
        """Names the run directory."""
        return stem_of(self.spec)


def address_of(spec: str) -> Address | None:
    """The address that ``spec`` is; None if it is a file's name, or the hub's.

    Raises:
        SourceError: an address of a kind that cannot be read.
    """
    if spec == STANDARD_INPUT:
        return Address("pipe", spec)
    if _DEVICE.fullmatch(spec):
        return Address("device", spec)
    scheme, mark, _ = spec.partition("://")
    if not mark or scheme.lower() == "hf":
        return None
    kind = _KINDS.get(scheme.lower())
    if kind is None:
        raise SourceError(
            f"{redacted(spec)} is no address that can be read: give rtsp://, rtsps://, http:// or https://"
        )
    return Address(kind, spec)


def redacted(spec: str) -> str:
    """``spec`` without user and password, and without the values of all keys but harmless ones; others as they are."""
    scheme, mark, rest = spec.partition("://")
    if not mark:
        return spec
    user, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{_HIDDEN + at if user else ''}{_PAIR.sub(_hide, place)}"


def _hide(pair: re.Match[str]) -> str:
    key, value = pair.groups()
    return f"{key}={value if key.lower() in _HARMLESS else _HIDDEN}"


def stem_of(spec: str) -> str:
    """A file name for what ``spec`` names: of an address its host and path, without secrets; of a file its stem."""
    if spec == STANDARD_INPUT:
        return "stdin"
    _, mark, rest = redacted(spec).partition("://")
    if not mark:
        return Path(spec).stem
    place = re.sub(rf"[A-Za-z0-9-]+={re.escape(_HIDDEN)}", "", rest).removeprefix(f"{_HIDDEN}@").rstrip("/")
    if PurePosixPath(place).suffix.lower() in _VIDEO_ENDINGS:
        place = place.removesuffix(PurePosixPath(place).suffix)
    stem = re.sub(r"[^A-Za-z0-9.-]+", "_", place).strip("._-") or "live"
    if len(stem) <= _STEM_MOST:
        return stem
    return f"{stem[: _STEM_MOST - 9]}-{hashlib.sha256(stem.encode()).hexdigest()[:8]}"
