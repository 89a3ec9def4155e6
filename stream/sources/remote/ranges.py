"""Any bytes of one file on the hub, over a network that stumbles and from a hub that asks for patience."""

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from models.weights.hub.retry import attempts
from stream.errors import SourceError
from stream.sources.remote.refusals import told

if TYPE_CHECKING:
    import httpx2

_LOG = logging.getLogger(__name__)


class WholeFilesOnlyError(SourceError):
    """The server gives no parts of files."""


@dataclass(slots=True)
class Traffic:
    """What has come over the network."""

    fetched_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Ranges:
    """Reads parts of a file as it was when it was found: another content under its name is an error, never mixed in."""

    name: str
    url: str
    etag: str
    size_bytes: int
    headers: dict[str, str] = field(repr=False)
    """Of every request, with the token."""
    traffic: Traffic

    def fetch(self, start: int, stop: int) -> bytes:
        """The bytes ``[start, stop)``. What came before a connection was cut is not fetched again.

        Raises:
            SourceError: the hub does not give them, or has another content by now.
            WholeFilesOnlyError: it gives no parts of files.
        """
        got = bytearray()
        with told(self.name):
            while len(got) < stop - start:
                for attempt in attempts(waiting, connected=True):
                    with attempt:
                        self._append(got, start + len(got), stop)
        return bytes(got)

    def _append(self, got: bytearray, start: int, stop: int) -> None:
        """Fetch on; a connection that is cut is an error only if nothing has come."""
        import httpx2
        from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT
        from huggingface_hub.utils import get_session, hf_raise_for_status  # type: ignore[attr-defined]  # lazy exports

        asked = {**self.headers, "Accept-Encoding": "identity", "Range": f"bytes={start}-{stop - 1}"}
        with get_session().stream("GET", self.url, headers=asked, timeout=HF_HUB_DOWNLOAD_TIMEOUT) as response:
            if response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                hf_raise_for_status(response)
            self._require_same(response)
            self._require_part(response, start, stop)
            before = len(got)
            try:
                for piece in response.iter_bytes():
                    got += piece
                    self.traffic.fetched_bytes += len(piece)
            except httpx2.TransportError:
                if len(got) == before:
                    raise

    def _require_same(self, response: "httpx2.Response") -> None:
        first = response.history[0] if response.history else response
        etag = etag_of(first)
        size = response.headers.get("Content-Range", "").rpartition("/")[2]
        if etag not in (None, self.etag) or size not in ("", "*", str(self.size_bytes)):
            raise SourceError(
                f"{self.name} has changed on the hub while it was read: name a commit with @COMMIT, "
                "and start over with --overwrite"
            )

    def _require_part(self, response: "httpx2.Response", start: int, stop: int) -> None:
        is_whole = (start, stop) == (0, self.size_bytes) and response.status_code == HTTPStatus.OK
        part = f"bytes {start}-{stop - 1}/"
        if not is_whole and not response.headers.get("Content-Range", "").startswith(part):
            raise WholeFilesOnlyError(
                f"{self.name} cannot be read in parts, the server gives whole files only: fetch it with --cache-source"
            )


def etag_of(response: "httpx2.Response") -> str | None:
    """What names the content, by the hub's own answer: that of the storage it redirects to names it otherwise."""
    tag = response.headers.get("X-Linked-ETag")
    if tag is None and not response.has_redirect_location:
        tag = response.headers.get("ETag")
    return tag.removeprefix("W/").strip('"') if tag else None


def waiting(wait_s: float) -> None:
    """Tell the user that the hub asks for patience."""
    _LOG.warning("the hub has had too many requests from here: it is asked again in %.0f s", wait_s)
