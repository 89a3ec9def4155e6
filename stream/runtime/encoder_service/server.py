"""The process that holds the encoder of several chains.

It is started as ``python -m stream.runtime.encoder_service.server``, with a ``ServiceConfig`` as one line of JSON on
standard input. That pipe stays open. When it closes, the parent has exited, and this process ends, too.
"""

import os
import sys
import threading
import uuid
from io import FileIO
from typing import TypedDict

import numpy as np
import psutil
import zmq
from pydantic import BaseModel

from models.encoders.encoder import ClipEncoder, EncoderFacts
from models.memory import vram
from stream.config import Options
from stream.errors import ExitCode, exit_code_of, sentence_of
from stream.runtime.encoder_service.messages import (
    QUEUE_MESSAGES,
    REPLIES,
    REQUESTS,
    DropFrame,
    Encoded,
    EncodeFailed,
    EncodeRequest,
    Hello,
    PutFrame,
    Ready,
    Reply,
    Request,
)
from stream.runtime.encoder_service.shared import Result, SharedEncoder
from stream.runtime.exit import exit_quickly
from stream.runtime.gpu_budget import allocator_bytes, limit_gpu
from stream.runtime.processes import ENCODE
from stream.runtime.stage_builders import load_encoder
from stream.ui import standard_streams

_BUSY_POLL_MS = 1
_IDLE_POLL_MS = 1000


class ServiceConfig(BaseModel):
    """The options of the encoder, and the endpoint of the service."""

    options: Options
    endpoint: str


class EncoderServer:
    """Takes the requests of all chains, and sends each chain its replies."""

    def __init__(self, encoder: ClipEncoder, socket: zmq.Socket[bytes], batch_max: int) -> None:
        self._encoder = encoder
        self._socket = socket
        self._shared = SharedEncoder(encoder, batch_max)
        self._instance = uuid.uuid4().hex

    def serve(self) -> None:
        """Serve until the process ends.

        Raises:
            CodecError: a message is not a request.
        """
        while True:
            if self._socket.poll(_BUSY_POLL_MS if self._shared.is_busy else _IDLE_POLL_MS):
                self._receive()
            elif not self._shared.is_busy:
                self._remove_dead_clients()
            for result in self._shared.step():
                self._send_result(result)

    def _receive(self) -> None:
        """Take all requests that have arrived."""
        while self._socket.poll(0):
            client, *parts = self._socket.recv_multipart()
            self._take(client, REQUESTS.decode(parts))

    def _take(self, client: bytes, request: Request) -> None:
        match request:
            case Hello():
                encoder = self._encoder
                ready = Ready(
                    name=encoder.name, frames=encoder.frames, encoder_px=encoder.encoder_px, **self._envelope()
                )
                self._send(client, ready)
            case PutFrame():
                self._shared.put(client, request.slot, request.rgb)
            case DropFrame():
                self._shared.drop(client, request.slot)
            case EncodeRequest():
                self._shared.request(client, request.request, request.windows)

    def _send_result(self, result: Result) -> None:
        reply: Reply
        if result.failure is None:
            mean = np.stack([embedding.mean for embedding in result.embeddings])
            temporal = np.stack([embedding.temporal for embedding in result.embeddings])
            reply = Encoded(request=result.request, mean=mean, temporal=temporal, **self._envelope())
        else:
            reply = EncodeFailed(
                request=result.request,
                reason=str(result.failure),
                is_out_of_memory=isinstance(result.failure, MemoryError),
                **self._envelope(),
            )
        self._send(result.client, reply)

    def _envelope(self) -> "_Envelope":
        facts = {**self._encoder.facts(), **vram.facts(), "batches_shared": self._shared.shared_batches}
        return {"instance": self._instance, "facts": facts}

    def _send(self, client: bytes, reply: Reply) -> None:
        self._socket.send_multipart([client, *REPLIES.encode(reply)])

    def _remove_dead_clients(self) -> None:
        for client in self._shared.clients:
            if not psutil.pid_exists(int(client.partition(b"-")[0])):
                self._shared.remove(client)


class _Envelope(TypedDict):
    instance: str
    facts: EncoderFacts


def serve(config: ServiceConfig) -> None:
    """Load the encoder and serve it.

    Raises:
        ModelUnavailableError: its packages or weights are missing.
        MemoryError: it does not fit into the device's memory.
    """
    options = config.options
    limit_gpu(options, ENCODE)
    encoder = load_encoder(options, allocator_bytes(options, ENCODE))
    with zmq.Context[zmq.Socket[bytes]]() as context, context.socket(zmq.ROUTER) as socket:
        socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(config.endpoint)
        EncoderServer(encoder, socket, options.encoder.batch or 1).serve()


def _exit_with_parent(pipe: FileIO) -> None:
    pipe.readall()
    os._exit(ExitCode.DONE)


def main() -> None:
    """Entry point of the process; if it fails, its last line on standard error says why."""
    exit_quickly()
    standard_streams.install()
    sys.stdout = sys.stderr  # both are the log, and a full disk does not fail what only prints
    pipe = FileIO(sys.stdin.fileno(), closefd=False)
    config = ServiceConfig.model_validate_json(pipe.readline())
    threading.Thread(target=_exit_with_parent, args=(pipe,), daemon=True).start()
    try:
        serve(config)
    except Exception as error:  # noqa: BLE001 - the way out of the process: every error is reported
        sys.stderr.write(sentence_of(error) + "\n")
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
