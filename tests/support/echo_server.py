"""A server of the OpenAI kind that needs no model: what it says follows from the request alone, to the byte."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

MODEL: Final = "tiny-vl"
TOKENS_IN, TOKENS_OUT = 1234, 56


def echo_in(body: dict[str, Any]) -> str:
    """The segment of a request: the beginning of its frames' digest."""
    return str(_properties(body)["request"]["const"])


def answer_to(body: dict[str, Any], work: str = "tightens a screw") -> str:
    """An answer that meets the request's schema: one action, as long as the segment."""
    properties = _properties(body)
    busy = properties["actions"]["items"]["anyOf"][0]["properties"]
    thing = {"object_name": "screwdriver", "bbox": [100, 200, 300, 400], "rigid": True}
    action = {
        "ecot": dict.fromkeys(busy["ecot"]["properties"], work), "objects": [thing],
        "active": True, "start_ds": 0, "end_ds": busy["end_ds"]["maximum"],
    }  # fmt: skip
    answer = {"request": echo_in(body), "box_space": properties["box_space"]["const"], "actions": [action]}
    return json.dumps(answer, separators=(",", ":"))


def completion(words: str, finish_reason: str = "stop") -> str:
    """The body of a reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice], "usage": usage}
    return json.dumps(body)


@contextmanager
def answering() -> Iterator[str]:
    """Serve until the block ends; gives the URL for ``--annotator-url``. The words hang on all that was sent."""
    server = _EchoHttp(("127.0.0.1", 0), _EchoHandler)
    thread = Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _EchoHttp(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that was killed is no fault of the server's."""


class _EchoHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        content = completion(answer_to(json.loads(body), f"work {sha256(body).hexdigest()[:16]}")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _properties(body: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = body["response_format"]["json_schema"]["schema"]["properties"]
    return properties
