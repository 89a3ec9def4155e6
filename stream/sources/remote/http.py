"""A file on an HTTP server that serves parts of it, read through fsspec."""

import base64
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import unquote_to_bytes

from stream.errors import SourceError
from stream.sources.address import Address, clip_stem_of
from stream.sources.remote.address import require_client
from stream.sources.remote.errors import as_source_errors
from stream.sources.remote.file import RemoteFile, Traffic


def http_file(address: Address, response: HTTPResponse, timeout_s: float) -> RemoteFile:
    """The file of which a server has sent a part.

    Args:
        address: Its address; user and password in it are sent to that server alone.
        response: To a request for the first byte.
        timeout_s: For connecting, and for each read of a response.

    Raises:
        SourceError: the server does not say how large the whole file is.
        ModelUnavailableError: the package that reads HTTP is not installed.
    """
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    if not size.isdecimal():
        raise SourceError(f"{address.name} cannot be read: the server sends a part without the size of the whole file")
    require_client("http")
    from aiohttp import ClientTimeout
    from fsspec import filesystem

    etag = response.headers.get("ETag")
    url, headers = _split_credentials(address)
    if etag and not etag.startswith("W/"):
        headers["If-Match"] = etag  # the server refuses once the file has changed; it needs a strong tag
    timeout = ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
    server = filesystem("http", client_kwargs={"timeout": timeout}, skip_instance_cache=True)

    with as_source_errors(address.name):
        return RemoteFile(
            name=address.name,
            size_bytes=int(size),
            oid=etag,
            origin={"url": address.name, "etag": etag},
            traffic=Traffic(),
            opens=partial(server.open, url, "rb", size=int(size), cache_type="none", headers=headers),
            fetches=partial(_download, partial(server.get_file, url, headers=headers)),
            sibling=lambda _: None,
            path_in_storage=f"{clip_stem_of(address.spec)}.mp4",
            may_pass=_may_pass,
        )


def _download(get_file: Callable[[str], None], to: Path) -> tuple[Path, bool]:
    """Fetch the whole file: where it is, and whether it had to be fetched."""
    if to.is_file():
        return to, False
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}.part")
    get_file(str(part))
    part.replace(to)
    return to, True


def _may_pass(error: Exception) -> bool:
    """Cut connections, silence, and errors that the server calls its own; not a refusal."""
    from aiohttp import ClientConnectionError, ClientPayloadError

    if isinstance(error, ClientConnectionError | ClientPayloadError | TimeoutError):
        return True
    status: int = getattr(error, "status", 0)
    return status in (408, 429) or status >= 500


def _split_credentials(address: Address) -> tuple[str, dict[str, str]]:
    """The URL without user and password, and the header that carries them: clients drop it at a redirect elsewhere."""
    scheme, _, rest = address.spec.partition("://")
    user, at, place = rest.rpartition("@")
    headers = {"Accept-Encoding": "identity"}
    if at:
        headers["Authorization"] = f"Basic {base64.b64encode(unquote_to_bytes(user)).decode()}"
    return f"{scheme}://{place}", headers
