"""Names of what lies on the hub: ``hf://datasets/OWNER/NAME[@REVISION]/PATH[::MEMBER]``."""

from dataclasses import dataclass, replace
from urllib.parse import quote

from models.packages import require_packages
from stream.errors import SourceError
from stream.sources.member import SEPARATOR

SCHEME = "hf://"
_DEFAULT_REVISION = "main"


@dataclass(frozen=True, slots=True)
class Address:
    """A file or a folder of a data set on the hub, or a member of a tar there."""

    data_set: str
    """``OWNER/NAME``."""
    revision: str | None
    """Branch, tag or commit; None for the main branch."""
    path: str
    """In the data set, without a slash at either end; empty for all of it."""
    member: str | None = None

    def __str__(self) -> str:
        revision = f"@{quote(self.revision, safe='')}" if self.revision else ""
        path = f"/{self.path}" if self.path else ""
        member = f"{SEPARATOR}{self.member}" if self.member is not None else ""
        return f"{SCHEME}datasets/{self.data_set}{revision}{path}{member}"

    def at(self, revision: str) -> "Address":
        """The same at another revision."""
        return replace(self, revision=revision)

    def asks_for(self, revision: str | None, commit: str) -> bool:
        """Whether what was read as ``revision``, and was ``commit`` then, is what is asked for now."""
        return (self.revision or _DEFAULT_REVISION) in (revision or _DEFAULT_REVISION, commit)


def is_on_hub(spec: str) -> bool:
    """Whether a name on the command line is one of the hub's."""
    return spec.startswith(SCHEME)


def parse_address(spec: str) -> Address:
    """Take the name apart.

    Raises:
        SourceError: it names nothing, or nothing of a data set.
        ModelUnavailableError: the package that speaks with the hub is not installed.
    """
    require_client()
    from huggingface_hub.errors import HfUriError
    from huggingface_hub.utils import parse_hf_uri  # type: ignore[attr-defined]  # the client exports lazily

    place, separator, member = spec.partition(SEPARATOR)
    try:
        uri = parse_hf_uri(place.rstrip("/"))
    except HfUriError as error:
        raise SourceError(f"{spec} names nothing on the hub: expected {_EXAMPLE}") from error
    if uri.type != "dataset":
        raise SourceError(f"{spec} names a {uri.type}, and clips lie in data sets: expected {_EXAMPLE}")
    return Address(uri.id, uri.revision, uri.path_in_repo, member if separator else None)


def require_client() -> None:
    """Make sure that the package that speaks with the hub is installed.

    Raises:
        ModelUnavailableError: it is not; the sentence says how to install it.
    """
    require_packages(["huggingface_hub"], extra="hub")


_EXAMPLE = f"{SCHEME}datasets/OWNER/NAME/FOLDER/SHARD.tar{SEPARATOR}CLIP.mp4"
