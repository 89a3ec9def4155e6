"""The process of a service, around the model and its socket.

Its standard input is a socket to its parent, over which it gets a ``ServiceConfig`` as one line of JSON, and sends a
byte every second: a sign of life. When the socket closes, the parent has exited, and this process ends, too.
"""

import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final, Generic, TypedDict, TypeVar

import psutil
import zmq
from pydantic import BaseModel

from stream.config import Options
from stream.errors import ExitCode, exit_code_of, sentence_of
from stream.pipeline.codec import Codec
from stream.runtime.exit import exit_quickly
from stream.runtime.services.messages import QUEUE_MESSAGES, ServiceFacts, ServiceReply
from stream.ui import standard_streams

Q = TypeVar("Q")
R = TypeVar("R", bound=ServiceReply)


_SIGN_OF_LIFE_S: Final = 1.0


class ServiceConfig(BaseModel):
    """The options of the model, and the endpoint of the service."""

    options: Options
    endpoint: str


def mark_of_work(endpoint: str) -> Path:
    """The file beside a service's socket that says that its process has done some of its work."""
    return Path(endpoint.removeprefix("ipc://") + ".worked")


class Envelope(TypedDict):
    """The fields of ``ServiceReply``."""

    instance: str
    facts: ServiceFacts


class ServerSocket(Generic[Q, R]):
    """Receives the requests of all clients, and sends each client its replies."""

    def __init__(
        self, socket: zmq.Socket[bytes], requests: Codec[Q], replies: Codec[R], load_s: float, worked: Path
    ) -> None:
        """``load_s`` is the time that loading the model has taken, ``worked`` the file of ``note_work``."""
        self._socket = socket
        self._worked: Path | None = worked
        self._requests = requests
        self._replies = replies
        self._load_s: Final = load_s
        self._first_client: bytes | None = None
        self._instance: Final = uuid.uuid4().hex

    def receive(self, timeout_ms: int) -> Iterator[tuple[bytes, Q]]:
        """All requests that have arrived, each with its client, waiting up to ``timeout_ms`` for the first.

        What was meant for an earlier process is dropped: its client sends it again.

        Raises:
            CodecError: a message is not a request.
        """
        while self._socket.poll(timeout_ms):
            client, meant_for, *parts = self._socket.recv_multipart()
            if meant_for in (b"", self._instance.encode()):
                yield client, self._requests.decode(parts)
            timeout_ms = 0

    def send(self, client: bytes, reply: R) -> None:
        """Send a reply; nothing happens if the client has gone."""
        self._socket.send_multipart([client, *self._replies.encode(reply)])

    def note_work(self) -> None:
        """Note that a batch is done: if this process dies later, that was no death at its start."""
        if self._worked is not None:
            self._worked.touch()
            self._worked = None

    def envelope(self, facts: ServiceFacts) -> Envelope:
        """The fields of every reply."""
        return {"instance": self._instance, "facts": facts}

    def load_s(self, client: bytes) -> float:
        """The time of the model's load for the first client that asks, else 0."""
        self._first_client = self._first_client or client
        return self._load_s if client == self._first_client else 0.0


@contextmanager
def server_socket(
    config: ServiceConfig, requests: Codec[Q], replies: Codec[R], load_s: float
) -> Iterator[ServerSocket[Q, R]]:
    """The socket of a service."""
    with zmq.Context[zmq.Socket[bytes]]() as context, context.socket(zmq.ROUTER) as socket:
        socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(config.endpoint)
        yield ServerSocket(socket, requests, replies, load_s, mark_of_work(config.endpoint))


def dead_clients(clients: Iterable[bytes]) -> list[bytes]:
    """The clients whose processes have exited without a goodbye."""
    return [client for client in clients if not psutil.pid_exists(int(client.partition(b"-")[0]))]


def run_service(serve: Callable[[ServiceConfig], None]) -> None:
    """Entry point of the process; if it fails, its last line on standard error says why."""
    exit_quickly()
    standard_streams.install()
    sys.stdout = sys.stderr  # both are the log, and a full disk does not fail what only prints
    line = FileIO(sys.stdin.fileno(), "r+", closefd=False)
    config = ServiceConfig.model_validate_json(line.readline())
    for target in (_exit_with_parent, _report_life):
        threading.Thread(target=target, args=(line,), daemon=True).start()
    try:
        serve(config)
    except Exception as error:  # noqa: BLE001 - the way out of the process: every error is reported
        sys.stderr.write(sentence_of(error) + "\n")
        sys.exit(exit_code_of(error))


def _exit_with_parent(line: FileIO) -> None:
    line.readall()
    os._exit(ExitCode.DONE)


def _report_life(line: FileIO) -> None:
    pause = threading.Event()
    with suppress(BrokenPipeError, ConnectionResetError):  # the parent is gone: the other thread acts on that
        while not pause.wait(_SIGN_OF_LIFE_S):
            line.write(b".")
