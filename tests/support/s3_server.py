"""An S3 server on this machine, with what s3fs needs for reading: listing a prefix, HEAD, and parts of an object."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    import pytest

KEY, SECRET = "a-key", "a-secret-that-must-not-be-seen"
_DATE = "2026-11-29T00:00:00.000Z"


@dataclass
class Bucket:
    """A bucket's objects by their keys, and the parts that were requested."""

    name: str
    objects: dict[str, bytes]
    ranges: list[str | None] = field(default_factory=list)
    denied: bool = False


class _S3Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, bucket: Bucket, *arguments: Any) -> None:  # noqa: ANN401  (the server's own, passed through)
        self._bucket = bucket
        super().__init__(*arguments)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        if self._bucket.denied:
            self._error(403, "AccessDenied")
        elif bucket != self._bucket.name:
            self._error(404, "NoSuchBucket")
        elif not key:
            self._list(parse_qs(url.query))
        elif key not in self._bucket.objects:
            self._error(404, "NoSuchKey")
        else:
            self._object(self._bucket.objects[key])

    do_HEAD = do_GET  # noqa: N815  (the name that http.server looks for)

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        entries: dict[str, str] = {}
        for key, content in sorted(self._bucket.objects.items()):
            if not key.startswith(prefix):
                continue
            rest = key.removeprefix(prefix)
            if delimiter and delimiter in rest:
                folder = prefix + rest.partition(delimiter)[0] + delimiter
                entries[folder] = f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            else:
                entries[key] = (
                    f"<Contents><Key>{escape(key)}</Key><LastModified>{_DATE}</LastModified><ETag>{_etag(content)}</ETag>"
                    f"<Size>{len(content)}</Size></Contents>"
                )
        body = (
            f"<ListBucketResult><Name>{self._bucket.name}</Name><IsTruncated>false</IsTruncated>"
            f"<KeyCount>{len(entries)}</KeyCount>{''.join(entries.values())}</ListBucketResult>"
        )
        self._answer(200, body.encode(), {"Content-Type": "application/xml"})

    def _object(self, content: bytes) -> None:
        byte_range = self.headers.get("Range")
        headers = {"ETag": _etag(content), "Last-Modified": "Sun, 29 Nov 2026 00:00:00 GMT", "Accept-Ranges": "bytes"}
        if self.headers.get("If-Match") not in (None, _etag(content)):
            self._error(412, "PreconditionFailed")
            return
        if self.command == "GET":
            self._bucket.ranges.append(byte_range)
        bounds = re.fullmatch(r"bytes=(\d+)-(\d+)", byte_range or "")
        if bounds is None:
            self._answer(200, content, headers)
            return
        part = content[int(bounds[1]) : int(bounds[2]) + 1]
        last = int(bounds[1]) + len(part) - 1
        self._answer(206, part, {**headers, "Content-Range": f"bytes {bounds[1]}-{last}/{len(content)}"})

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(), {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


@contextmanager
def serving(bucket: Bucket, patch: "pytest.MonkeyPatch") -> Iterator[Bucket]:
    """A server with one bucket, which clients in this process ask, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_S3Handler, bucket))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    patch.setenv("AWS_ACCESS_KEY_ID", KEY)
    patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
