"""A proxy on this machine that lets nothing through."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class _RefusingHandler(BaseHTTPRequestHandler):
    def __init__(self, status: int, requests: list[str], *arguments: Any) -> None:  # noqa: ANN401  (the server's own)
        self._status, self._requests = status, requests
        super().__init__(*arguments)

    def do_CONNECT(self) -> None:
        self._refuse()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._refuse()

    def _refuse(self) -> None:
        self._requests.append(self.path)
        self.send_response(self._status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def refusing_proxy(status: int) -> Iterator[tuple[str, list[str]]]:
    """Serve until the block ends; gives the proxy's address, and what was requested of it."""
    requests: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_RefusingHandler, status, requests))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
