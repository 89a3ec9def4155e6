"""The live page's server: read-only, from the standard library, with a bounded number of connections."""

import json
import re
import socket
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from threading import BoundedSemaphore, Event, Thread
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from exporters.report.live.access import Access
from exporters.report.live.ranges import byte_range
from exporters.report.live.runs import POLL_S, WatchedRuns
from exporters.report.page import (
    PageOptions,
    policy_of,
    render,
    render_facts,
    render_failures,
    render_summary,
    run_json,
)
from exporters.report.totals import totals_of
from stream.errors import UsageError
from stream.records.schema.health import now

CONNECTIONS_MAX: Final = 128
"""More are closed at once."""
FOLLOWERS_MAX: Final = 32
"""Pages that are kept up to date at a time."""
_BEAT_S: Final = 10.0
"""Between two signs of life to a page that has no news: what is gone is noticed then."""
_CHUNK_BYTES: Final = 256 * 1024
_KEYFRAME: Final = re.compile(r"runs/([A-Za-z0-9_-]+)/keyframes/(\d{10}\.jpg)", re.ASCII)
_VIDEO: Final = re.compile(r"runs/([A-Za-z0-9_-]+)/video", re.ASCII)
_RUN: Final = re.compile(r"runs/([A-Za-z0-9_-]+)", re.ASCII)


class LiveServer:
    """Serves from construction until ``close``."""

    def __init__(self, host: str, port: int, runs: WatchedRuns, access: Access, title: str) -> None:
        """Listen on ``host:port``; port 0 picks a free one.

        Raises:
            UsageError: the port cannot be bound.
        """
        self._runs = runs
        self._stopped = Event()
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            handler = partial(_PageHandler, runs, access, title, self._stopped, BoundedSemaphore(FOLLOWERS_MAX))
            self._listener = _LiveListener(family, address, handler)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"cannot listen on {host}:{port} ({reason}): choose another --host or --port") from error
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.address = f"http://{shown}:{self._listener.server_address[1]}/"
        Thread(target=self._watch, name="watch", daemon=True).start()
        Thread(target=self._listener.serve_forever, args=[0.1], name="serve", daemon=True).start()

    def close(self) -> None:
        """End all connections."""
        self._stopped.set()
        self._runs.wake()
        self._listener.shutdown()
        self._listener.server_close()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._runs.poll()
            self._stopped.wait(POLL_S)


class _LiveListener(ThreadingTCPServer):
    """Not an ``HTTPServer``, which looks up its own name in the DNS."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, family: int, address: Any, handler: Callable[..., "_PageHandler"]) -> None:  # noqa: ANN401 - the family decides its type
        self.address_family = family
        self._room = BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        """Report errors, except of a client that has disconnected or does not read."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _PageHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "egoclean-stream"
    sys_version = ""
    timeout = 20
    """Seconds in which a client sends its request, or takes a part of the answer."""

    def __init__(
        self,
        runs: WatchedRuns,
        access: Access,
        title: str,
        stopped: Event,
        followers: BoundedSemaphore,
        *request: Any,  # noqa: ANN401 - socketserver's own
    ) -> None:
        self._runs, self._access, self._title = runs, access, title
        self._stopped, self._followers = stopped, followers
        super().__init__(*request)  # answers the request

    def do_GET(self) -> None:
        self.close_connection = True
        try:
            address = urlsplit(self.path)
        except ValueError:  # such as http://[x
            self._refuse(HTTPStatus.BAD_REQUEST, "the address is not valid")
            return
        match self._access.verdict(address.query, self.headers):
            case "misdirected":
                self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to names of its own machine only")
            case "refused":
                self._refuse(HTTPStatus.FORBIDDEN, "open the address with its token, as `serve` printed it")
            case "token" if address.path == "/":
                self._enter()
            case _:
                self._route(unquote(address.path).removeprefix("/"))

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Requests are not logged."""

    def _route(self, path: str) -> None:
        if path == "":
            self._page()
        elif path == "events":
            self._follow()
        elif path == "overview":
            self._overview()
        elif found := _KEYFRAME.fullmatch(path):
            self._file(self._runs.keyframe(*found.groups()), "image/jpeg")
        elif found := _VIDEO.fullmatch(path):
            self._file(self._runs.video(found[1]), "video/mp4")
        elif found := _RUN.fullmatch(path):
            self._run(found[1])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "not found")

    def _enter(self) -> None:
        """Move the token from the address, which is seen and passed on, into a cookie."""
        self.send_response(HTTPStatus.SEE_OTHER)
        cookie = f"{self._access.cookie}={self._access.token}"
        self.send_header("Set-Cookie", f"{cookie}; HttpOnly; SameSite=Strict; Path=/")
        self._end("text/plain", 0, {"Location": "/"})

    def _page(self) -> None:
        snapshot = self._runs.snapshot()
        options = PageOptions(
            self._title, now(), snapshot.failures, is_live=True, version=f"{self._runs.boot}.{snapshot.version}"
        )
        body = render(snapshot.runs, options).encode("utf-8", "replace")
        self.send_response(HTTPStatus.OK)
        policy = f"{policy_of(options)}; frame-ancestors 'none'"
        self._end("text/html; charset=utf-8", len(body), {"Content-Security-Policy": policy})
        self._write(body)

    def _overview(self) -> None:
        """The figures of all runs together, and which cannot be read."""
        snapshot = self._runs.snapshot()
        failures = render_failures(snapshot.failures)
        self._json({"summary": render_summary(totals_of(snapshot.runs)), "failures": failures})

    def _run(self, key: str) -> None:
        """A run as it is now, without what the page has of it already."""
        part = self._runs.run(key, self._since())
        if part is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such run")
            return
        content = {
            "run": json.loads(run_json(part.run)),
            "same": part.same,
            "version": f"{self._runs.boot}.{part.version}",
            "facts": render_facts(part.run),
        }
        self._json(content)

    def _json(self, content: object) -> None:
        body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
        self.send_response(HTTPStatus.OK)
        self._end("application/json", len(body))
        self._write(body)

    def _follow(self) -> None:
        """Server-sent events: the keys of runs that have changed, since the version that the page has."""
        if not self._followers.acquire(blocking=False):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{FOLLOWERS_MAX} pages are followed already")
            return
        try:
            self.send_response(HTTPStatus.OK)
            self._end("text/event-stream", None)
            since = self._since()
            while self.command != "HEAD" and not self._stopped.is_set():
                news = self._runs.wait(since, _BEAT_S)
                lines = [f"event: run\ndata: {json.dumps({'key': key})}\n" for key in news.changed]
                lines += [f"event: gone\ndata: {json.dumps({'key': key})}\n" for key in news.gone]
                text = "\n".join(f"id: {self._runs.boot}.{news.version}\n{line}" for line in lines) or ": nothing new\n"
                self._write(f"{text}\n".encode())
                since = news.version
        finally:
            self._followers.release()

    def _since(self) -> int:
        """The version that the page has; 0, and so everything, if it is of an earlier server."""
        last_id = self.headers.get("Last-Event-ID") or parse_qs(urlsplit(self.path).query).get("since", [""])[0]
        boot, _, version = last_id.partition(".")
        return int(version) if boot == self._runs.boot and version.isdecimal() else 0

    def _file(self, path: Path | None, kind: str) -> None:
        """A file, or the part of it that is asked for."""
        if path is None or not path.is_file():
            self._refuse(HTTPStatus.NOT_FOUND, "not found")
            return
        with path.open("rb") as file:
            size_bytes = path.stat().st_size
            try:
                part = byte_range(self.headers.get("Range"), size_bytes)
            except ValueError:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self._end("text/plain", 0, {"Content-Range": f"bytes */{size_bytes}"})
                return
            first, length = (part.first, part.length) if part else (0, size_bytes)
            self.send_response(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK)
            content_range = {"Content-Range": f"bytes {part.first}-{part.last}/{size_bytes}"} if part else {}
            self._end(kind, length, {"Accept-Ranges": "bytes", **content_range})
            file.seek(first)
            while length > 0 and self.command != "HEAD" and (chunk := file.read(min(_CHUNK_BYTES, length))):
                self._write(chunk)
                length -= len(chunk)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        body = f"{text}\n".encode()
        self.send_response(status)
        self._end("text/plain; charset=utf-8", len(body))
        self._write(body)

    def _end(self, kind: str, length: int | None, more: dict[str, str] | None = None) -> None:
        """The headers of every answer: nothing is stored, guessed, or readable from another page."""
        headers = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "Connection": "close",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **({} if length is None else {"Content-Length": str(length)}),
            **(more or {}),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, content: bytes) -> None:
        """Send a part at a time: ``timeout`` holds for each, so a large page may take longer on a slow line."""
        if self.command != "HEAD":
            for first in range(0, len(content), _CHUNK_BYTES):
                self.wfile.write(content[first : first + _CHUNK_BYTES])
