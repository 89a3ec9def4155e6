"""An OpenAI-compatible server on this machine: it answers each request by its own schema, or fails as scripted."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from models.annotators.openai.known_dialects import forget_dialects
from tests.support.echo_server import MODEL, answer_to, completion, echo_in

KEY = "sk-aKeyThatMustNotBeSeenAnywhere"
_ENDLESS = b" " * 65536


@dataclass(frozen=True)
class ScriptedReply:
    """One reply; what is not given is as it should be."""

    status: int = 200
    body: str | None = None
    """Instead of a chat completion."""
    words: str | None = None
    """Instead of an answer that meets the schema."""
    finish_reason: str = "stop"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """The connection is closed in the middle of the body."""
    endless: bool = False
    """The body never ends; the bytes sent are counted."""
    hangs: bool = False
    """Nothing comes until the server is released."""


@dataclass
class OpenAIServer:
    """The server's replies, and the requests that it got."""

    url: str = ""
    key: str | None = None
    """What it wants to be shown; None: nothing."""
    replies: list[ScriptedReply] = field(default_factory=list)
    """Taken one a request; then all is well."""
    to_segment: dict[str, list[ScriptedReply]] = field(default_factory=dict)
    """By a digest's beginning: taken before the others."""
    model: str = MODEL
    """The name of the one model that it has."""
    answers: Callable[[dict[str, Any]], str] = answer_to
    """The words of the model, of a request's body, where the reply has none."""
    refuses: Callable[[dict[str, Any]], ScriptedReply | None] = lambda _: None
    """The refusal of a request by its body; None: it is taken."""
    dresses: Callable[[str], str] = completion
    """The body of a reply with these words, where it is not scripted."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of the requests."""
    strikes: Callable[[str], None] = lambda _: None
    """Called with each request's echo, before it is answered."""
    authorizations: set[str | None] = field(default_factory=set)
    sent_bytes: int = 0
    """Of endless bodies."""
    released: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def next_reply(self, echo: str) -> ScriptedReply:
        """What the next request for a segment gets."""
        with self.lock:
            for replies in (self.to_segment.get(echo, []), self.replies):
                if replies:
                    return replies.pop(0)
        return ScriptedReply()


class _OpenAIHandler(BaseHTTPRequestHandler):
    def __init__(self, server: OpenAIServer, *arguments: Any) -> None:  # noqa: ANN401  (the server's own, passed through)
        self._server = server
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self._server.lock:
            self._server.requests.append(body)
            self._server.authorizations.add(self.headers.get("Authorization"))
        expected = f"Bearer {self._server.key}" if self._server.key else None
        if expected not in (None, self.headers.get("Authorization")):
            self._send(ScriptedReply(401), json.dumps({"error": {"message": "Incorrect API key provided"}}))
        elif body["model"] != self._server.model:
            self._send(
                ScriptedReply(404), json.dumps({"error": {"message": f"The model `{body['model']}` does not exist."}})
            )
        else:
            self._server.strikes(echo_in(body))
            reply = self._server.refuses(body) or self._server.next_reply(echo_in(body))
            if reply.hangs:
                self._server.released.wait()
            self._send(reply, self._content(body, reply))

    def _content(self, body: dict[str, Any], reply: ScriptedReply) -> str:
        if reply.body is not None:
            return reply.body
        if reply.words is not None:
            return completion(reply.words, reply.finish_reason)
        return self._server.dresses(self._server.answers(body))

    def _send(self, reply: ScriptedReply, body: str) -> None:
        content = body.encode("latin-1" if "Content-Encoding" in reply.headers else "utf-8")
        self.send_response(reply.status)
        length = 1 << 40 if reply.endless else len(content)
        headers = {"Content-Type": "application/json", "Content-Length": str(length), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        while reply.endless:
            self.wfile.write(_ENDLESS)
            with self._server.lock:
                self._server.sent_bytes += len(_ENDLESS)
        self.wfile.write(content[: len(content) // 2] if reply.cut else content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _OpenAIHttp(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests want."""


@contextmanager
def free_port() -> Iterator[int]:
    """A reserved port without a listener, until the block ends."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@contextmanager
def serving(port: int = 0) -> Iterator[OpenAIServer]:
    """A server that serves until the block ends. Nothing is known of one that had its address before."""
    forget_dialects()
    server = OpenAIServer()
    http = _OpenAIHttp(("127.0.0.1", port), partial(_OpenAIHandler, server))
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()
