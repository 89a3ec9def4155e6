"""Addresses of sources: their scheme, and the names under which records may show them.

The address of a camera often holds its password. So an address has two forms: ``spec``, which only the code that
connects may see, and ``name``, in which everything that may be a secret is replaced.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple
from urllib.parse import unquote

from stream.errors import SourceError

STANDARD_INPUT = "-"
FILE = "file"
"""The scheme of a path."""
_DEVICE = re.compile(r"/dev/video\d+")

_HARMLESS = frozenset({
    "camera", "cam", "channel", "codec", "fps", "profile", "proto", "resolution", "stream", "streamtype", "subtype",
    "track", "transportmode", "unicast", "videocodec",
})  # fmt: skip
"""Keys in addresses of cameras whose values tell one picture from another. Any other value may be a secret."""
HIDDEN: Final = "***"
"""In place of what may be a secret."""
_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9-]*)=((?:(?![&;/?#]|_[A-Za-z]+=).)*)")
"""``key=value``, as after ``?``; some cameras have ``user=admin_password=secret_channel=1`` in the path."""

STEM_BYTES_MAX: Final = 200
"""Of the 255 that file systems give a name; the rest is for what is appended to it."""
_STEM_MOST = 80
"""Characters of a stem: file names are made from it, and those have at most 255 bytes."""

VIDEO_ENDINGS = frozenset({
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".flv", ".f4v", ".wmv", ".asf", ".mpg",
    ".mpeg", ".vob", ".m2v", ".ogv", ".ivf", ".mxf", ".dv", ".3gp", ".3g2", ".qt", ".lrv", ".insv", ".mjpeg", ".mjpg",
    ".hevc", ".h265", ".265", ".h264", ".264",
})  # fmt: skip
"""Endings of the names of videos, in lower case."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a live source, with its secrets."""

    spec: str = field(repr=False)
    """The address from the user."""

    @property
    def scheme(self) -> str:
        """As ``scheme_of``."""
        return scheme_of(self.spec)

    @property
    def name(self) -> str:
        """For messages and records, without secrets."""
        return redacted(self.spec)

    @property
    def stem(self) -> str:
        """The name of the run directory."""
        return stem_of(self.spec)


class Unopened(NamedTuple):
    """How a clip was listed whose container was not opened for that: without video, it is no clip after all."""

    place: str
    """The folder or tar in which it was found."""
    content: str
    """What it is by its first bytes or its name, as a noun phrase."""


class ClipSpec(NamedTuple):
    """A clip that an argument names."""

    spec: str
    """As ``stream.sources.table.open_source`` takes it."""
    fault: SourceError | None = None
    """Why the clips that it contains could not be listed: it is not opened, and this is its error."""
    unopened: Unopened | None = None
    """None if the argument names it, or it was opened to list it."""


def scheme_of(spec: str) -> str:
    """The scheme of an address in lower case; ``pipe`` for standard input, ``device`` for a camera of this machine.

    Anything else is a path: ``FILE``.
    """
    if spec == STANDARD_INPUT:
        return "pipe"
    if _DEVICE.fullmatch(spec):
        return "device"
    scheme, separator, _ = spec.partition("://")
    return scheme.lower() if separator else FILE


def redacted(spec: str) -> str:
    """``spec`` without user and password, and without the values of all keys but harmless ones; others as they are."""
    scheme, mark, rest = spec.partition("://")
    if not mark:
        return spec
    user, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{HIDDEN + at if user else ''}{_PAIR.sub(_hide, place)}"


def _hide(pair: re.Match[str]) -> str:
    key, value = pair.groups()
    return f"{key}={value if key.lower() in _HARMLESS else HIDDEN}"


def clip_stem_of(spec: str) -> str:
    """The name of a clip at an HTTP address, as of a local one: its file name without the ending and without a query.

    If that is no name for a folder, or a part of it is hidden, it is ``stem_of``.
    """
    name = PurePosixPath(unquote(re.split(r"[?#]", redacted(spec).partition("://")[2])[0].partition("/")[2])).name
    stem = PurePosixPath(name).stem
    is_name = stem.strip(".") and stem.isprintable() and len(stem.encode()) <= STEM_BYTES_MAX
    return stem if is_name and HIDDEN not in name else stem_of(spec)


def names_video(spec: str) -> bool:
    """Whether the path of an HTTP address ends as a file of a video does."""
    return PurePosixPath(re.split(r"[?#]", spec)[0]).suffix.lower() in VIDEO_ENDINGS


def stem_of(spec: str) -> str:
    """A file name for what ``spec`` names: of an address its host and path, without secrets; of a file its stem."""
    if spec == STANDARD_INPUT:
        return "stdin"
    _, mark, rest = redacted(spec).partition("://")
    if not mark:
        return Path(spec).stem
    place = re.sub(rf"[A-Za-z0-9-]+={re.escape(HIDDEN)}", "", rest).removeprefix(f"{HIDDEN}@").rstrip("/?&")
    if PurePosixPath(place).suffix.lower() in VIDEO_ENDINGS:
        place = place.removesuffix(PurePosixPath(place).suffix)
    stem = re.sub(r"[^A-Za-z0-9.-]+", "_", place).strip("._-") or "live"
    if len(stem) <= _STEM_MOST:
        return stem
    return f"{stem[: _STEM_MOST - 9]}-{hashlib.sha256(stem.encode()).hexdigest()[:8]}"
