"""The process that holds the encoder of several chains.

Started as ``python -m stream.runtime.encoder_service.server``, its order as one line of JSON on standard input. That
pipe stays open: when it closes, whoever started it is gone, and the process ends.
"""

import os
import sys
import threading
import uuid
from io import FileIO

import numpy as np
import psutil
import zmq
from pydantic import BaseModel

from models.encoders.encoder import ClipEncoder
from models.memory import vram
from stream.config import Options
from stream.errors import ExitCode, exit_code_of, sentence_of
from stream.pipeline.state import State, take
from stream.runtime.encoder import own_encoder
from stream.runtime.encoder_service import messages
from stream.runtime.encoder_service.shared import Answer, SharedEncoder

_BUSY_POLL_MS = 1
_IDLE_POLL_MS = 1000


class ServiceConfig(BaseModel):
    """What is served, and where."""

    options: Options
    endpoint: str


class Server:
    """Hears all chains, and answers each with its own."""

    def __init__(self, encoder: ClipEncoder, socket: zmq.Socket[bytes], batch_max: int) -> None:
        self._encoder = encoder
        self._socket = socket
        self._shared = SharedEncoder(encoder, batch_max)
        self._instance = uuid.uuid4().hex

    def serve(self) -> None:
        """Until the process ends."""
        while True:
            if self._socket.poll(_BUSY_POLL_MS if self._shared.is_busy else _IDLE_POLL_MS):
                self._hear()
            elif not self._shared.is_busy:
                self._forget_the_dead()
            for answer in self._shared.step():
                self._answer(answer)

    def _hear(self) -> None:
        """Take all that has come."""
        while self._socket.poll(0):
            client, *parts = self._socket.recv_multipart()
            message, frame = messages.receive(parts)
            self._do(client, message, frame)

    def _do(self, client: bytes, message: State, frame: bytes | None) -> None:
        match message["say"]:
            case messages.HELLO:
                self._say(client, {"say": messages.HERE, "name": self._encoder.name, "frames": self._encoder.frames,
                                   "encoder_px": self._encoder.encoder_px})  # fmt: skip
            case messages.PUT if frame is not None:
                self._shared.put(client, take(message, "slot", int), frame)
            case messages.DROP:
                self._shared.drop(client, take(message, "slot", int))
            case messages.ENCODE:
                self._shared.ask(client, take(message, "request", int), take(message, "windows", list))
            case other:
                raise ValueError(f"{other!r} is said by a chain, expected one of {messages.BY_A_CHAIN}")

    def _answer(self, answer: Answer) -> None:
        if answer.failure is not None:
            is_memory = isinstance(answer.failure, MemoryError)
            failed: State = {"say": messages.FAILED, "why": str(answer.failure), "memory": is_memory}
            self._say(answer.client, {**failed, "request": answer.request})
            return
        self._say(answer.client, {
            "say": messages.DONE,
            "request": answer.request,
            "mean": np.stack([made.mean for made in answer.embeddings]),
            "temporal": np.stack([made.temporal for made in answer.embeddings]),
        })  # fmt: skip

    def _say(self, client: bytes, message: State) -> None:
        facts = {**self._encoder.facts(), **vram.facts(), "batches_shared": self._shared.shared_batches}
        messages.send(self._socket, {**message, "instance": self._instance, "facts": facts}, to=client)

    def _forget_the_dead(self) -> None:
        for client in self._shared.clients:
            if not psutil.pid_exists(int(client.partition(b"-")[0])):
                self._shared.forget(client)


def serve(order: ServiceConfig) -> None:
    """Load the encoder, and serve it.

    Raises:
        ModelUnavailableError: its packages or weights are not there.
        MemoryError: it does not fit into the device's memory.
    """
    options = order.options
    encoder = own_encoder(options)
    with zmq.Context[zmq.Socket[bytes]]() as context, context.socket(zmq.ROUTER) as socket:
        socket.setsockopt(zmq.RCVHWM, messages.QUEUE_MESSAGES)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(order.endpoint)
        Server(encoder, socket, options.encoder.batch or 1).serve()


def _end_with_the_line(line_in: FileIO) -> None:
    line_in.readall()
    os._exit(ExitCode.DONE)


def main() -> None:
    """Entry of the process; how it failed is its last line on standard error."""
    line_in = FileIO(sys.stdin.fileno(), closefd=False)
    order = ServiceConfig.model_validate_json(line_in.readline())
    threading.Thread(target=_end_with_the_line, args=(line_in,), daemon=True).start()
    try:
        serve(order)
    except Exception as error:  # noqa: BLE001 - the way out of the process: every error is told
        sys.stderr.write(sentence_of(error) + "\n")
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
