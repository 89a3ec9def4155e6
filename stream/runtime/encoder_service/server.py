"""The process that holds the encoder of several chains: ``python -m stream.runtime.encoder_service.server``."""

import time

import numpy as np

from models.encoders.encoder import ClipEncoder
from models.memory import vram
from stream.runtime.encoder_service.messages import (
    REPLIES,
    REQUESTS,
    DropFrame,
    Encoded,
    EncodeFailed,
    EncodeRequest,
    EncoderReady,
    PutFrame,
    Reply,
    Request,
)
from stream.runtime.encoder_service.shared import Result, SharedEncoder
from stream.runtime.gpu_budget import allocator_bytes, limit_gpu
from stream.runtime.processes import ENCODE
from stream.runtime.services.messages import Goodbye, Hello
from stream.runtime.services.process import (
    Envelope,
    ServerSocket,
    ServiceConfig,
    dead_clients,
    run_service,
    server_socket,
)
from stream.runtime.stage_builders import load_encoder

_BUSY_POLL_MS = 1
_IDLE_POLL_MS = 1000


class EncoderServer:
    """Takes the requests of all chains, and sends each chain its replies."""

    def __init__(self, encoder: ClipEncoder, socket: ServerSocket[Request, Reply], batch_max: int) -> None:
        self._encoder = encoder
        self._socket = socket
        self._shared = SharedEncoder(encoder, batch_max)

    def serve(self) -> None:
        """Serve until the process ends.

        Raises:
            CodecError: a message is not a request.
        """
        while True:
            is_silent = True
            for client, request in self._socket.receive(_BUSY_POLL_MS if self._shared.is_busy else _IDLE_POLL_MS):
                self._take(client, request)
                is_silent = False
            if is_silent and not self._shared.is_busy:
                for client in dead_clients(self._shared.clients):
                    self._shared.remove(client)
            for result in self._shared.step():
                self._send_result(result)

    def _take(self, client: bytes, request: Request) -> None:
        match request:
            case Hello():
                self._greet(client)
            case Goodbye():
                self._shared.remove(client)
            case PutFrame():
                self._shared.put(client, request.slot, request.rgb)
            case DropFrame():
                self._shared.drop(client, request.slot)
            case EncodeRequest():
                self._shared.request(client, request.request, request.windows)

    def _greet(self, client: bytes) -> None:
        encoder = self._encoder
        ready = EncoderReady(
            name=encoder.name,
            frames=encoder.frames,
            encoder_px=encoder.encoder_px,
            load_s=self._socket.load_s(client),
            **self._envelope(),
        )
        self._socket.send(client, ready)

    def _send_result(self, result: Result) -> None:
        reply: Reply
        if result.failure is None:
            self._socket.note_work()
            mean = np.stack([embedding.mean for embedding in result.embeddings])
            temporal = np.stack([embedding.temporal for embedding in result.embeddings])
            reply = Encoded(
                request=result.request,
                mean=mean,
                temporal=temporal,
                device_s=result.device_s,
                **self._envelope(),
            )
        else:
            reply = EncodeFailed(
                request=result.request,
                reason=str(result.failure),
                is_out_of_memory=isinstance(result.failure, MemoryError),
                **self._envelope(),
            )
        self._socket.send(result.client, reply)

    def _envelope(self) -> Envelope:
        facts = {**self._encoder.facts(), **vram.facts(), "batches_shared": self._shared.shared_batches}
        return self._socket.envelope(facts)


def serve(config: ServiceConfig) -> None:
    """Load the encoder and serve it.

    Raises:
        ModelUnavailableError: its packages or weights are missing.
        MemoryError: it does not fit into the device's memory.
    """
    options, began_at = config.options, time.monotonic()
    limit_gpu(options, ENCODE)
    encoder = load_encoder(options, allocator_bytes(options, ENCODE))
    # With a batch of one, requests are never put together: each keeps the batch that it is.
    batch_max = 1 if options.clips.deterministic else options.encoder.batch or 1
    with server_socket(config, REQUESTS, REPLIES, round(time.monotonic() - began_at, 3)) as socket:
        EncoderServer(encoder, socket, batch_max).serve()


if __name__ == "__main__":
    run_service(serve)
