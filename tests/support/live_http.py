"""A local HTTP server for one clip: as a file that can be read in parts, as one that cannot, or as a live stream."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Way = Literal["ranges", "length", "chunked", "until closed"]


@dataclass
class Served:
    """What is served, how, and what was asked for."""

    data: bytes
    way: Way
    authorization: str | None = None
    cut_after: list[int | None] = field(default_factory=list)
    """Of the answers to come, bytes after which each is cut off; None: it is not."""
    etag: str = '"one"'
    url: str = ""
    sent_bytes: int = 0


class _LiveHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served
    _left: int | None = None

    def do_GET(self) -> None:
        self._left = self.served.cut_after.pop(0) if self.served.cut_after else None
        if self.served.authorization not in (None, self.headers.get("Authorization")):
            self.send_error(401)
            return
        if self.headers.get("If-Match") not in (None, self.served.etag):
            self.send_error(412)
            return
        byte_range = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if self.served.way == "ranges" and byte_range:
            self._give_part(int(byte_range[1]), int(byte_range[2]) + 1)
        elif self.served.way == "chunked":
            self._give_chunks()
        else:
            self._give_all()

    def _give_part(self, start: int, stop: int) -> None:
        data = self.served.data[start:stop]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{len(self.served.data)}")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", self.served.etag)
        self.end_headers()
        self._write(data)

    def _give_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(self.served.data), 4096):
            piece = self.served.data[start : start + 4096]
            self._write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self._write(b"0\r\n\r\n")

    def _give_all(self) -> None:
        self.send_response(200)
        if self.served.way == "until closed":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(self.served.data)))
        self.end_headers()
        self._write(self.served.data)

    def _write(self, data: bytes) -> None:
        """Send it, up to where this answer is to be cut off; then the connection is closed."""
        if self._left is not None:
            self.close_connection = self.close_connection or len(data) > self._left
            data = data[: self._left]
            self._left -= len(data)
        self.served.sent_bytes += len(data)
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(data: bytes, way: Way, name: str = "clip.ts", authorization: str | None = None) -> Iterator[Served]:
    """A server on a free port; ``Served.url`` is the clip's."""
    served = Served(data, way, authorization)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_LiveHandler,), {"served": served}))
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}/{name}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
