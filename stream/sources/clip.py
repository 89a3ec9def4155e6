"""A clip: a file, or a member of a tar, local or remote."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from models.packages import IMAGE_VARIABLE
from stream.errors import SourceError
from stream.pipeline.items import Packet, SourceEvent
from stream.sources.address import STEM_BYTES_MAX
from stream.sources.compressed import CompressedTar, SpooledMember
from stream.sources.live.options import LiveOptions
from stream.sources.local import File, LocalFile
from stream.sources.member import SEPARATOR, ask_for_member, find_member, is_tar, spooled_member, tar_at
from stream.sources.remote.listing import find_remote
from stream.sources.source import START, ResumePoint

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel


_SIDECAR_BYTES = 64 * 1024
"""More than any sidecar has: what is longer is something else, and no JSON when it is cut off."""


_EDGE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip: ``size_bytes`` bytes of ``file``, from ``offset`` on."""

    name: str
    """The address from the user; for a clip on the hub, with its commit."""
    stem: str
    """The clip's file name without its ending: it names the run directory."""
    file: File
    """The clip, or the tar that holds it."""
    offset: int
    size_bytes: int
    member: str | None = None
    """Its name in the tar, if that is what holds it."""

    def open(self) -> BufferedReader:
        """A new read-only, seekable file over the clip's bytes, at its start; the caller closes it.

        Raises:
            SourceError: the file has gone, or may no longer be read.
        """
        try:
            return BufferedReader(self.file.open(self.offset, self.size_bytes))
        except OSError as error:
            raise SourceError(f"{self.name} can no longer be read: {error.strerror}") from error

    def connect(self, decoder_options: dict[str, str]) -> None:
        """``open`` gives its bytes."""

    def packets(
        self, resume: ResumePoint = START, *, loop: bool = False, hwaccel: "HWAccel | None" = None
    ) -> Iterator[Packet | SourceEvent]:
        from stream.video.packets import packets

        return packets(self, loop=loop, hwaccel=hwaccel, start=resume.seek_point)

    @property
    def spool(self) -> Path | None:
        """The temporary file that holds it, if its tar is compressed; it lasts as long as this object."""
        return self.file.path if isinstance(self.file, SpooledMember) else None

    @property
    def fetched_bytes(self) -> int | None:
        """Bytes received over the network for it; None if it is on this disk."""
        return self.file.fetched_bytes

    @property
    def live_options(self) -> None:
        return None

    @property
    def is_live(self) -> bool:
        return False

    @property
    def is_camera(self) -> bool:
        return False

    @property
    def is_standard_input(self) -> bool:
        return False

    @property
    def plays_again(self) -> bool:
        return True

    def sha256(self) -> str | None:
        """SHA-256 of the clip's bytes, as 64 hexadecimal digits.

        A clip on disk is read once for it, chunk by chunk. One that is not is never fetched for it: of a file that the
        hub keeps by its SHA-256 it is known as well, of a member of a tar it is None; ``origin`` names that one.
        """
        if self.file.path is None:
            return self.file.oid if self.member is None and _is_sha256(self.file.oid) else None
        with self.open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def mtime_ns(self) -> int | None:
        """Time of the last change of the file on disk, since the epoch; None for a remote file."""
        return None if self.file.path is None else self.file.path.stat().st_mtime_ns

    def edges_sha256(self) -> str | None:
        """SHA-256 of the clip's first and last MiB, which name it cheaply; None of one that ``origin`` names."""
        if self.file.origin is not None:
            return None
        with self.open() as file:
            digest = hashlib.sha256(file.read(_EDGE_BYTES))
            file.seek(max(0, self.size_bytes - _EDGE_BYTES))
            digest.update(file.read(_EDGE_BYTES))
        return digest.hexdigest()

    def origin(self) -> dict[str, Any] | None:
        """Origin of the bytes (file, commit, range) for the record; None for a file on disk."""
        where = {"member": self.member, "offset": self.offset}
        return {**self.file.origin, **where} if self.file.origin else None

    def intrinsics_path(self) -> Path | None:
        """``intrinsics.json`` in the folder of the clip or of its tar, where both data sets keep it."""
        found = self.file.beside("intrinsics.json")
        return found.on_disk() if found else None

    def sidecar(self) -> tuple[str, bytes] | None:
        """Name and content of the ``.json`` beside the clip, in its folder or in its tar; None if there is none."""
        if isinstance(self.file, SpooledMember):  # its tar would have to be read again
            return None
        name = str(PurePosixPath(self.member or self.file.name).with_suffix(".json"))
        found = self._in_tar(name) if self.member is not None else self._in_folder(PurePosixPath(name).name)
        if found is None:
            return None
        file, offset, size_bytes = found
        with BufferedReader(file.open(offset, size_bytes)) as opened:
            return PurePosixPath(name).name, opened.read(_SIDECAR_BYTES)

    def _in_tar(self, name: str) -> tuple[File, int, int] | None:
        try:
            return self.file, *find_member(self.file, name)
        except SourceError:
            return None

    def _in_folder(self, name: str) -> tuple[File, int, int] | None:
        found = None if self.file.name.endswith(name) else self.file.beside(name)
        return (found, 0, found.size_bytes) if found else None


def in_container() -> bool:
    """Whether this process runs in an image of this project, where only mounted folders can be seen."""
    return IMAGE_VARIABLE in os.environ


def open_file(spec: str, options: LiveOptions, *, download: bool = False) -> Clip:  # noqa: ARG001  (for other kinds)
    """The clip that a path names: ``clip.mp4`` or ``part000.tar::clip.mp4``.

    Raises:
        SourceError: missing, not a regular file, not readable or empty; a tar without its member or one without
            that member; a member that is no ordinary file. Whether the bytes are a video is checked by
            ``stream.video.container``.
    """
    return open_local(spec)


def open_local(spec: str, in_container: Callable[[], bool] = in_container) -> Clip:
    """As ``open_file``. ``in_container`` says whether a missing file may lie outside what this process can see."""
    with _unreadable_as_source_error(spec):
        file, member = _find_on_disk(spec, in_container)
        if isinstance(file, CompressedTar):
            if member is None:
                raise ask_for_member(file)
            file = spooled_member(file, member)
        return _checked(file, member, spec)


def open_spooled(spec: str, path: Path) -> Clip:
    """The member ``spec`` of a compressed tar, which another process has put into the temporary file at ``path``.

    Raises:
        SourceError: as ``open_file``.
    """
    tar, _, member = spec.partition(SEPARATOR)
    with _unreadable_as_source_error(spec):
        return _checked(SpooledMember(path, Path(tar)), member, spec)


def open_remote(spec: str, options: LiveOptions, *, download: bool = False) -> Clip:  # noqa: ARG001  (for live ones)
    """The clip at ``hf://datasets/OWNER/NAME[@REVISION]/PATH[::MEMBER]`` or ``s3://BUCKET/PATH[::MEMBER]``.

    Raises:
        SourceError: as ``open_file``.
        ModelUnavailableError: the package that reads this storage is not installed.
        NoRoomError: a download does not fit on the disk.
    """
    with _unreadable_as_source_error(spec):
        return _checked(*find_remote(spec, download=download), spec)


@contextmanager
def _unreadable_as_source_error(spec: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"{spec} cannot be read: {error.strerror}") from error


def _checked(file: File, member: str | None, spec: str) -> Clip:
    clip = _clip_of(file, member, spec)
    if is_tar(file, clip.offset, clip.size_bytes):
        if member is None:
            raise ask_for_member(file)
        raise SourceError(f"{spec} is a tar in a tar, and is not read there: unpack the outer one first")
    return clip


def _clip_of(file: File, member: str | None, spec: str) -> Clip:
    """``file``, or its member if one is named.

    The name is checked: a stem such as ``..`` would otherwise lead out of the folder for results, one that is too long
    would leave no room for the endings of its files, and records are UTF-8.
    """
    if spec.encode(errors="replace").decode() != spec:  # bytes that are no UTF-8 come as halves of surrogate pairs
        raise SourceError(f"{spec!r} is not named in UTF-8: rename the clip, or its folder")
    is_whole = member is None or isinstance(file, SpooledMember)
    offset, size_bytes = (0, file.size_bytes) if is_whole else find_member(file, member or "")
    stem = PurePosixPath(file.name if member is None else member).stem
    if stem in ("", ".", "..") or not stem.isprintable() or len(stem.encode()) > STEM_BYTES_MAX:
        raise SourceError(f"{spec!r} has no name that a run directory could have: rename it")
    name = file.name if member is None else f"{file.name}{SEPARATOR}{member}"
    if size_bytes == 0:
        raise SourceError(f"{spec} is empty (0 bytes): name a clip")
    return Clip(name if file.origin else spec, stem, file, offset, size_bytes, member)


def _find_on_disk(spec: str, in_container: Callable[[], bool]) -> tuple[File, str | None]:
    tar, separator, member = ("", "", "") if Path(spec).exists() else spec.partition(SEPARATOR)
    path = Path(tar if separator else spec)
    _require_file(path, in_container)
    packed = tar_at(path)
    return packed if isinstance(packed, CompressedTar) else LocalFile(path), member if separator else None


def _is_sha256(oid: str | None) -> bool:
    return oid is not None and re.fullmatch(r"[0-9a-f]{64}", oid) is not None


def _require_file(path: Path, in_container: Callable[[], bool]) -> None:
    if path.is_file():
        return
    if path.exists():
        kind = "a directory, and holds no clip that is named" if path.is_dir() else "no regular file"
        raise SourceError(f"{path} is {kind}: name a clip, or a member of a tar as TAR::MEMBER")
    question = f" (is its folder {path.absolute().parent} mounted into this container?)" if in_container() else ""
    raise SourceError(f"{path} does not exist{question}: name a clip, or a member of a tar as TAR::MEMBER")
