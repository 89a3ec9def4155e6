"""A server of this machine that answers like a model: at once, by the request's own schema, and always the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

MODEL: Final = "answering"


@contextmanager
def answering() -> Iterator[str]:
    """Its address for ``--annotator-url``, until the block ends."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps(_completion(_answer(body))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _answer(body: dict[str, Any]) -> str:
    """One action, as long as the segment."""
    properties = body["response_format"]["json_schema"]["schema"]["properties"]
    busy = properties["actions"]["items"]["anyOf"][0]["properties"]
    action = {
        "ecot": dict.fromkeys(busy["ecot"]["properties"], "turns a screw on the bench, as a moment before"),
        "objects": [{"object_name": "screwdriver", "bbox": [100, 200, 300, 400], "rigid": True}],
        "active": True, "start_ds": 0, "end_ds": busy["end_ds"]["maximum"],
    }  # fmt: skip
    echoes = {name: properties[name]["const"] for name in ("request", "box_space")}
    return json.dumps({**echoes, "actions": [action]}, separators=(",", ":"))


def _completion(words: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    completion = {"id": "1", "object": "chat.completion", "created": 0, "model": MODEL}
    return {**completion, "choices": [choice], "usage": usage}
