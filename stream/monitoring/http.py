"""Serves ``/metrics`` and ``/healthz`` on one port, in daemon threads."""

import json
import socket
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from stream.errors import UsageError
from stream.records.schema.health import Health, now


class MetricsServer:
    """Serves from construction until ``close``."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Callable[[], Health]) -> None:
        """Listen on ``host:port``; port 0 picks a free one.

        Raises:
            UsageError: the port cannot be bound.
        """
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._listener = _Listener(family, address, partial(_MetricsHandler, registry, health))
        except OSError as error:
            raise UsageError(
                f"cannot bind the metrics server to {host}:{port} ({error.strerror}): "
                "choose another --metrics-port, or 0 for any free one"
            ) from error
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.address = f"http://{shown}:{self._listener.server_address[1]}"
        Thread(target=self._listener.serve_forever, args=[0.1], name="metrics", daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()


class _Listener(ThreadingTCPServer):
    """Not an ``HTTPServer``, which looks up its own name in the DNS; without a DNS that may take long."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, family: int, address: Any, handler: Callable[..., "_MetricsHandler"]) -> None:  # noqa: ANN401 - the family decides its type
        self.address_family = family
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        """Report errors, except of a client that has disconnected."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _MetricsHandler(BaseHTTPRequestHandler):
    timeout = 10
    """Seconds until a request that does not arrive gives up its thread."""

    def __init__(self, registry: CollectorRegistry, health: Callable[[], Health], *request: Any) -> None:  # noqa: ANN401 - socketserver's own
        self._registry = registry
        self._health = health
        super().__init__(*request)  # answers the request

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, kind, encode(self._registry))
            case "/healthz":
                self._healthz()
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found: only /metrics and /healthz are served\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Scrapes are not logged."""

    def _healthz(self) -> None:
        health = self._health()
        problem = health.problem(now())
        status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
        body = {**health.model_dump(mode="json"), "reason": problem or ""}
        self._answer(status, "application/json", json.dumps(body).encode() + b"\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
