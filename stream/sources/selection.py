"""Decides which files of a folder or tar are clips, mainly by content, and why others are left out."""

import mimetypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from stream.errors import SourceError, printable
from stream.sources.address import VIDEO_ENDINGS, ClipSpec, Unopened
from stream.sources.signatures import EMPTY, UNKNOWN, Content

TAR_ENDINGS: Final = (".tar",)
COMPRESSED_TAR_ENDINGS: Final = (
    ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst",
)  # fmt: skip
UNREAD_TAR_ENDINGS: Final = (".tar.lz4", ".tar.lz", ".tar.z")
"""Of tars that are compressed in a way that is not read."""
CALIBRATION: Final = "intrinsics.json"

_NAMED = 3
"""Files that a message names for each reason."""
_BY_NAME = mimetypes.MimeTypes(filenames=())
_MEDIA: Final = {"image": "picture", "audio": "audio", "text": "text"}


class LeftOut(NamedTuple):
    """A file that was found among clips and is not one."""

    path: str
    """As a clip's: a path, an address, or ``TAR::MEMBER``."""
    reason: str
    """What it is, as a noun phrase."""


@dataclass(slots=True)
class Listing:
    """The clips that arguments stand for, in order, and the other files found beside them."""

    clips: list[ClipSpec] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, other: "Listing") -> None:
        """Append all of another listing."""
        self.clips += other.clips
        self.left_out += other.left_out


class Candidate(NamedTuple):
    """A file that may be a clip."""

    spec: str
    content: Content
    has_video: Callable[[], bool] | None = None
    """Opens a container and looks for a video stream; None if that would take too long."""
    reason: str | None = None
    """Why it is not a clip, regardless of its content."""


def select(files: Iterable[Candidate | Listing]) -> Listing:
    """Divide the files of one folder or one tar; the sidecars of its clips and a calibration are on neither side.

    A listing among them stands for a tar in a folder.
    """
    found = Listing()
    for each in files:
        if isinstance(each, Listing):
            found.add(each)
        elif (reason := _reason(each)) is None:
            found.clips.append(ClipSpec(each.spec, unopened=None if each.has_video else _unopened(each)))
        elif PurePosixPath(each.spec).name != CALIBRATION:
            found.left_out.append(LeftOut(each.spec, reason))
    sidecars = {str(PurePosixPath(clip.spec).with_suffix(".json")) for clip in found.clips}
    found.left_out = [each for each in found.left_out if str(PurePosixPath(each.path)) not in sidecars]
    return found


def _unopened(file: Candidate) -> Unopened:
    tar, separator, _ = file.spec.partition("::")
    by_name = kind_by_name(file.spec)
    content = file.content if file.content not in (UNKNOWN, by_name) else Content("container", "file")
    return Unopened(tar if separator else file.spec.rpartition("/")[0], content.name)


def kind_by_name(name: str) -> Content | None:
    """The type of a file by its extension; None if that is not enough to know."""
    ending = PurePosixPath(name).suffix.lower()
    if ending in VIDEO_ENDINGS:
        return Content("container", "video")
    if ending == ".json":
        return Content("other", "text")
    media = (_BY_NAME.guess_type(f"name{ending}")[0] or "").partition("/")[0]
    return Content("other", _MEDIA[media]) if media in _MEDIA else None


def is_named_tar(name: str) -> bool:
    """Whether a file is a tar by its name: if it is damaged, that is an error."""
    return name.lower().endswith(TAR_ENDINGS)


def is_named_compressed_tar(name: str) -> bool:
    """Whether a file is a compressed tar by its name, also one whose compression is not read."""
    return name.lower().endswith((*COMPRESSED_TAR_ENDINGS, *UNREAD_TAR_ENDINGS))


def tar_needs_disk(name: str) -> SourceError:
    """The error for a tar at an address from which it cannot be read."""
    return SourceError(f"{name} is a tar that can only be read from a disk: download it, and name the file")


def is_hidden(path: str) -> bool:
    """Whether a file is hidden, such as ``._clip.mp4``, which macOS adds beside every clip and which is no clip."""
    return PurePosixPath(path).name.startswith(".")


def without_video(name: str, left_out: Sequence[LeftOut]) -> SourceError:
    """The error for a folder, a pattern or a tar without any clip."""
    if not left_out:
        return SourceError(f"{name} is empty: name a clip, or a folder or a tar with clips")
    return SourceError(f"{name} holds no video, only {'; '.join(by_reason(left_out))}: name a clip")


def by_reason(left_out: Sequence[LeftOut]) -> list[str]:
    """For each reason, the number of files and the names of the first ones."""
    groups: dict[str, list[str]] = {}
    for each in left_out:
        name = each.path.rpartition("::")[2].rpartition("/")[2] or each.path
        groups.setdefault(each.reason, []).append(printable(name))
    return [f"{len(names)} x {reason} ({_some(names)})" for reason, names in groups.items()]


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _reason(file: Candidate) -> str | None:
    """Why a file is not a clip; None if it is one. If its first bytes do not tell, its name or header decides."""
    if file.reason is not None or is_hidden(file.spec.rpartition("::")[2]):
        return file.reason or "hidden file"
    by_name, content = kind_by_name(file.spec), file.content
    is_named_video = by_name is not None and by_name.kind == "container"
    if content.kind == "container" and file.has_video is not None:
        return None if file.has_video() else f"{content.name} without video"
    if is_named_video:  # opening it reports what is wrong with it
        return content.name if content.kind == "other" and content.name != EMPTY.name else None
    if content.kind != "container":
        return by_name.name if by_name is not None and content == UNKNOWN else content.name
    return by_name.name if by_name is not None else None
