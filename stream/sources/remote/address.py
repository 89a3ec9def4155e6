"""Addresses of remote files: ``hf://datasets/OWNER/NAME[@REVISION]/PATH[::MEMBER]``, ``s3://BUCKET/KEY[::MEMBER]``."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from models.packages import require_packages
from stream.errors import SourceError
from stream.sources.address import scheme_of
from stream.sources.member import SEPARATOR

HUB: Final = "hf"
_EXTRAS: Final = {
    HUB: ("huggingface_hub", "hub"),
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
    "http": ("aiohttp", "http"),
}
"""By scheme: the package that reads it, and the extra of this distribution that installs the package."""
_DEFAULT_REVISION: Final = "main"


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """A remote file or folder, or a member of a remote tar."""

    scheme: str
    root: str
    """``datasets/OWNER/NAME`` on the hub; elsewhere the bucket."""
    revision: str | None
    """On the hub: branch, tag or commit; None for the main branch, and everywhere else."""
    path: str
    """Below ``root``, without a slash at either end; empty for all of it."""
    member: str | None = None

    def __str__(self) -> str:
        revision = f"@{quote(self.revision, safe='')}" if self.revision else ""
        path = f"/{self.path}" if self.path else ""
        member = f"{SEPARATOR}{self.member}" if self.member is not None else ""
        return f"{self.scheme}://{self.root}{revision}{path}{member}"

    @property
    def data_set(self) -> str:
        """On the hub: ``OWNER/NAME``."""
        return self.root.removeprefix("datasets/")

    def at(self, revision: str) -> "RemoteAddress":
        """The same at another revision."""
        return replace(self, revision=revision)

    def names_commit(self, revision: str | None, commit: str) -> bool:
        """Whether an earlier run that read ``revision``, which was ``commit`` then, read what this address names."""
        return (self.revision or _DEFAULT_REVISION) in (revision or _DEFAULT_REVISION, commit)


def is_on_hub(spec: str) -> bool:
    """Whether ``spec`` is an address on the hub."""
    return scheme_of(spec) == HUB


def is_remote(spec: str) -> bool:
    """Whether ``spec`` is an address of a storage that has folders."""
    return scheme_of(spec) in (HUB, "s3", "gs")


def parse_address(spec: str) -> RemoteAddress:
    """Take an address apart.

    Raises:
        SourceError: it is malformed, or names something on the hub that is not a data set.
        ModelUnavailableError: the package that reads it is not installed.
    """
    scheme = scheme_of(spec)
    require_client(scheme)
    place, separator, member = spec.partition(SEPARATOR)
    found = member if separator else None
    if scheme == HUB:
        return _parse_hub(spec, place.rstrip("/"), found)
    bucket, _, key = place.partition("://")[2].partition("/")
    if not bucket:
        raise SourceError(f"{spec} names no bucket: expected {scheme}://BUCKET/PATH")
    return RemoteAddress(scheme, bucket, None, key.strip("/"), found)


def require_client(scheme: str) -> None:
    """Make sure that the package that reads a scheme is installed.

    Raises:
        ModelUnavailableError: it is not; the message gives the command that installs it.
    """
    package, extra = _EXTRAS[scheme]
    require_packages([package], extra=extra)


def _parse_hub(spec: str, place: str, member: str | None) -> RemoteAddress:
    from huggingface_hub.errors import HfUriError
    from huggingface_hub.utils import parse_hf_uri  # type: ignore[attr-defined]  # the client exports lazily

    expected = f"expected hf://datasets/OWNER/NAME/FOLDER/SHARD.tar{SEPARATOR}CLIP.mp4"
    try:
        uri = parse_hf_uri(place)
    except HfUriError as error:
        raise SourceError(f"{spec} names nothing on the hub: {expected}") from error
    if uri.type != "dataset":
        raise SourceError(f"{spec} names a {uri.type}, and clips lie in data sets: {expected}")
    return RemoteAddress(HUB, f"datasets/{uri.id}", uri.revision, uri.path_in_repo, member)
