"""Finds the clips that arguments name: files, members of tars, tars, folders, patterns, and lists of these."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from glob import glob, has_magic
from pathlib import Path, PurePosixPath

from stream.errors import SourceError, UsageError
from stream.sources.address import FILE, ClipSpec, clip_stem_of, names_video, redacted, scheme_of, stem_of
from stream.sources.local import LocalFile
from stream.sources.member import SEPARATOR, members_of, tar_at
from stream.sources.remote.address import is_remote
from stream.sources.remote.listing import list_remote_clips
from stream.sources.selection import Candidate, Listing, is_hidden, select, without_video
from stream.sources.signatures import HEAD_BYTES, UNKNOWN, content_of
from stream.video.container import holds_video

LIST_MARK = "@"
"""Precedes the name of a text file with one clip per line."""

_LIST_CHARS_MAX = 1 << 24
"""Enough for a hundred thousand clips with long names."""

_HTTP = ("http", "https")


def list_clips(specs: Sequence[str], *, download: bool = False, overwrite: bool = False) -> Listing:
    """Every clip that is named, in order, and the files beside them that are none.

    A tar stands for its videos in their order; a folder for its videos and those of its tars, by name; a pattern for
    all videos that it matches, by name; ``@list.txt`` for its lines, except empty ones and those that begin with ``#``.
    ``stream.sources.selection`` says what a video is. This holds for local and for remote storage. What is missing
    stays as it was named, and opening it reports the error; what contains no clip, or could not be listed, stays with
    the reason.

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
    listing = Listing()
    for line in (line for spec in specs for line in _lines(spec)):
        listing.add(_listed(line, download=download))
    _require_own_stems((clip.spec for clip in listing.clips if clip.fault is None), overwrite=overwrite)
    return listing


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


def _listed(spec: str, *, download: bool) -> Listing:
    """What one argument stands for; one that stands for no clip keeps its name and the reason."""
    try:
        found = _inside(spec, download=download)
    except OSError as error:
        return _fault(spec, SourceError(f"{redacted(spec)} cannot be read: {error.strerror}"))
    except SourceError as error:
        return _fault(spec, error)
    if found is None:
        return Listing([ClipSpec(spec)])
    if not found.clips:
        found.clips.append(ClipSpec(spec, without_video(redacted(spec), found.left_out)))
    return found


def _fault(spec: str, error: SourceError) -> Listing:
    return Listing([ClipSpec(spec, error)])


def _inside(spec: str, *, download: bool) -> Listing | None:
    """The files of a pattern, a folder or a tar; None for anything else, which is a clip by itself."""
    path = Path(spec)
    if is_remote(spec):
        return list_remote_clips(spec, download=download)
    if has_magic(spec) and not path.exists():
        matches = sorted(glob(spec))  # noqa: PTH207  (Path.glob takes no absolute pattern)
        return select(_among(map(Path, matches), with_folders=True)) if matches else None
    if path.is_dir():
        return select(_among(sorted(path.iterdir()), with_folders=False))
    if (tar := tar_at(path)) is not None:
        return members_of(tar, spec)
    return None


def _among(paths: Iterable[Path], *, with_folders: bool) -> Iterator[Candidate | Listing]:
    """Files, in order; instead of a tar its members, and instead of a folder its files if it was matched."""
    for path in paths:
        is_inner = (with_folders and path.is_dir()) or _is_local_tar(path)
        yield _listed(str(path), download=False) if is_inner and not is_hidden(path.name) else _candidate(path)


def _candidate(path: Path) -> Candidate:
    if path.is_dir():
        return Candidate(str(path), UNKNOWN, reason="folder")
    if not path.is_file():
        return Candidate(str(path), UNKNOWN, reason="special file" if path.exists() else "link to nothing")
    try:
        content = content_of(_head(path))
    except OSError:  # opening it as a clip reports that
        return Candidate(str(path), UNKNOWN)
    file = LocalFile(path)
    return Candidate(str(path), content, partial(holds_video, file, 0, file.size_bytes))


def _is_local_tar(path: Path) -> bool:
    try:
        return tar_at(path) is not None
    except OSError:
        return False
    except SourceError:  # listing it reports that
        return True


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


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
