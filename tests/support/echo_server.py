"""A server of the OpenAI kind that needs no model: what it says follows from the request alone, to the byte."""

import json
import re
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
    return _found(r'"request":"([0-9a-f]{12})"', body)


def answer_to(body: dict[str, Any], work: str = "tightens a screw") -> str:
    """An answer to the words of a request that meets its schema: one action, as long as the segment."""
    thing = {"object_name": "screwdriver", "bbox_2d": [100, 200, 300, 400], "rigid": True}
    fields = ("scene", "subtask", "motion", "prediction")
    action = {
        "start_s": 0.0, "end_s": float(_found(r"one segment of ([0-9.]+) seconds", body)),
        "hands": "the right hand turns", "active": True, "ecot": dict.fromkeys(fields, work), "objects": [thing],
    }  # fmt: skip
    space = json.loads(_found(r'"box_space":(\[[0-9]+,[0-9]+\])', body))
    return json.dumps({"request": echo_in(body), "box_space": space, "actions": [action]}, separators=(",", ":"))


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


def _found(pattern: str, body: dict[str, Any]) -> str:
    """What the words of a request say; a server need not know its schema."""
    words: str = body["messages"][0]["content"][-1]["text"]
    found = re.search(pattern, words)
    if found is None:
        raise ValueError(f"the words of the request have no {pattern}")
    return found[1]
