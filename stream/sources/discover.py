"""Finds the clips that arguments name: files, members of tars, tars, folders, patterns, and lists of these."""

from collections.abc import Iterable, Sequence
from glob import glob, has_magic
from pathlib import Path, PurePosixPath

from stream.errors import SourceError, UsageError
from stream.sources.address import FILE, ClipSpec, clip_stem_of, names_video, redacted, scheme_of, stem_of
from stream.sources.local import LocalFile
from stream.sources.member import SEPARATOR, clips_in, is_hidden, is_sidecar, is_tar
from stream.sources.remote.address import is_remote
from stream.sources.remote.listing import list_remote_clips

LIST_MARK = "@"
"""Precedes the name of a text file with one clip per line."""

_LIST_CHARS_MAX = 1 << 24
"""Enough for a hundred thousand clips with long names."""

_VIDEO, _TAR = ".mp4", ".tar"
_HTTP = ("http", "https")


def list_clips(specs: Sequence[str], *, download: bool = False, overwrite: bool = False) -> list[ClipSpec]:
    """Every clip that is named, in order.

    A tar stands for its ``.mp4`` members in their order; a folder for its ``.mp4`` files and the members of its tars,
    by name; a pattern for everything that it matches, by name; ``@list.txt`` for its lines, except empty ones and those
    that begin with ``#``. This holds for local and for remote storage. What is missing, or contains no clip, stays as
    it was named, and opening it reports the error; so does what could not be listed, with the reason.

    Args:
        specs: The arguments.
        download: Whether a remote shard may be fetched whole to list it, if the server does not serve parts.
        overwrite: Whether what one clip writes would be discarded for another. Only its server knows whether an HTTP
            address is a clip, which is named by its file, or a live source, which is named by its host and path:
            without an ending of a video it counts as the latter, and with ``overwrite`` as either.

    Raises:
        SourceError: a list cannot be read, or is empty.
        UsageError: two clips have one stem, and so would write to one place.
        ModelUnavailableError: the package that speaks with the hub is not installed.
        NoRoomError: what is to be fetched does not fit on the disk.
    """
    named = [clip for spec in specs for line in _lines(spec) for clip in _clips_of(line, download=download)]
    _require_own_stems((clip.spec for clip in named if clip.fault is None), overwrite=overwrite)
    return named


def is_missing(spec: str) -> bool:
    """Whether a clip is named by a local path, of a file or of the tar that contains it, that does not exist."""
    if scheme_of(spec) != FILE:
        return False
    return not (Path(spec).exists() or Path(spec.partition(SEPARATOR)[0]).exists())


def _lines(spec: str) -> list[str]:
    """The lines of a list; any other word is one line by itself."""
    if not spec.startswith(LIST_MARK):
        return [spec]
    path = Path(spec.removeprefix(LIST_MARK))
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LIST_CHARS_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the list {path} cannot be read: {getattr(error, 'strerror', 'no UTF-8 text')}") from error
    if len(text) > _LIST_CHARS_MAX:
        raise SourceError(f"the list {path} is longer than {_LIST_CHARS_MAX} characters: give it in parts")
    lines = [line.strip() for line in text.splitlines()]
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        raise SourceError(f"the list {path} is empty: name a clip on each line")
    return named


def _clips_of(spec: str, *, download: bool) -> list[ClipSpec]:
    try:
        return _inside(spec, download=download) or [ClipSpec(spec)]
    except OSError as error:
        return [ClipSpec(spec, SourceError(f"{redacted(spec)} cannot be read: {error.strerror}"))]
    except SourceError as error:
        return [ClipSpec(spec, error)]


def _inside(spec: str, *, download: bool) -> list[ClipSpec]:
    """The clips of a pattern, a folder or a tar; None for a clip itself."""
    path = Path(spec)
    if is_remote(spec):
        return list_remote_clips(spec, download=download)
    if has_magic(spec) and not path.exists():
        matches = sorted(glob(spec))  # noqa: PTH207  (Path.glob takes no absolute pattern)
        return [clip for match in matches if not is_sidecar(match) for clip in _clips_of(match, download=download)]
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if each.suffix.lower() in (_VIDEO, _TAR))
        shown = [str(each) for each in inside if not is_hidden(each.name)]
        return [clip for each in shown for clip in _clips_of(each, download=download)]
    if path.is_file() and is_tar(tar := LocalFile(path)):
        return [ClipSpec(f"{spec}{SEPARATOR}{name}") for name in clips_in(tar)]
    return []


def _require_own_stems(clips: Iterable[str], *, overwrite: bool) -> None:
    seen: dict[str, str] = {}
    for clip in clips:
        stem = _stem(clip, is_clip=overwrite)
        if stem in seen:
            raise UsageError(
                f"{redacted(seen[stem])} and {redacted(clip)} would both be written as {stem!r}: "
                "give them in two calls, each with its own --out"
            )
        seen[stem] = clip


def _stem(clip: str, *, is_clip: bool) -> str:
    """The name of a run directory; ``is_clip`` says whether an address without an ending of a video is a clip."""
    if scheme_of(clip) in _HTTP and (is_clip or names_video(clip)):
        return clip_stem_of(clip)
    return stem_of(clip.partition(SEPARATOR)[2] or (PurePosixPath(clip).name if is_remote(clip) else clip))
