"""The process that holds the annotator of several chains: ``python -m stream.runtime.annotator_service.server``.

The annotator works in a thread of its own, so that clients have their greetings answered meanwhile, and notice at once
if another process has taken this one's place.
"""

import queue
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from models.annotators.annotator import Annotator
from models.memory import vram
from stream.annotation.client import is_fatal
from stream.annotation.factory import make
from stream.runtime.annotator_service.messages import (
    REPLIES,
    REQUESTS,
    AnnotatorReady,
    DescribeBegun,
    Described,
    DescribeEnded,
    DescribeMessage,
    DescribeReply,
    DescribeRequest,
)
from stream.runtime.annotator_service.shared import SegmentsRequest, SharedAnnotator
from stream.runtime.gpu_budget import limit_gpu
from stream.runtime.processes import ANNOTATE
from stream.runtime.services.messages import Goodbye, Hello
from stream.runtime.services.process import (
    Envelope,
    ServerSocket,
    ServiceConfig,
    dead_clients,
    run_service,
    server_socket,
)
from stream.ui.notes import print_traceback

_BUSY_POLL_MS: Final = 20
_IDLE_POLL_MS: Final = 1000


class AnnotatorServer:
    """Takes the requests of all chains, and sends each chain its responses."""

    def __init__(
        self, annotator: Annotator, socket: ServerSocket[DescribeMessage, DescribeReply], *, mixes: bool
    ) -> None:
        """With ``mixes``, a batch may hold segments of several chains."""
        self._annotator = annotator
        self._socket = socket
        self._shared = SharedAnnotator(annotator, mixes=mixes)
        self._work = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None
        self._replies: queue.SimpleQueue[tuple[bytes, DescribeReply]] = queue.SimpleQueue()

    def serve(self) -> None:
        """Serve until the process ends.

        Raises:
            CodecError: a message is not a request.
            Exception: the annotator can do nothing more in this process.
        """
        while True:
            for client, message in self._socket.receive(_BUSY_POLL_MS if self._under_way else _IDLE_POLL_MS):
                self._take(client, message)
            with suppress(queue.Empty):
                while True:
                    self._socket.send(*self._replies.get_nowait())
            if self._under_way is not None and self._under_way.done() and self._replies.empty():
                self._under_way.result()
                self._under_way = None
                self._socket.note_work()
            if self._under_way is None and self._shared.is_waiting:
                self._begin()

    def _take(self, client: bytes, message: DescribeMessage) -> None:
        match message:
            case Hello():
                batch_max, load_s = self._annotator.batch_max, self._socket.load_s(client)
                self._socket.send(client, AnnotatorReady(batch_max=batch_max, load_s=load_s, **self._envelope()))
            case Goodbye():
                self._shared.remove(client)
            case DescribeRequest():
                self._shared.add(SegmentsRequest(client, message.request, message.segments, message.is_alone))

    def _begin(self) -> None:
        for client in dead_clients(self._shared.clients):
            self._shared.remove(client)
        if not self._shared.is_waiting:
            return
        batch = self._shared.next_batch()
        for each in batch:
            self._socket.send(each.client, DescribeBegun(request=each.request, **self._envelope()))
        self._under_way = self._work.submit(self._annotate, batch)

    def _annotate(self, batch: Sequence[SegmentsRequest]) -> None:
        """Describe a batch, in the thread of the annotator."""
        failure = ""
        try:
            for request, response in self._shared.annotate(batch):
                reply = Described(request=request.request, response=response, **self._envelope())
                self._replies.put((request.client, reply))
        except Exception as error:
            if is_fatal(error):
                raise
            print_traceback(error)
            failure = f"{type(error).__name__}: {error}"
        for each in batch:
            ended = DescribeEnded(request=each.request, failure=failure, **self._envelope())
            self._replies.put((each.client, ended))

    def _envelope(self) -> Envelope:
        return self._socket.envelope({**self._annotator.facts(), **vram.facts()})


def serve(config: ServiceConfig) -> None:
    """Load the annotator and serve it.

    Raises:
        ModelUnavailableError: its packages or weights are missing.
        MemoryError: it does not fit into the device's memory.
    """
    options, began_at = config.options, time.monotonic()
    limit_gpu(options, ANNOTATE)
    annotator = make(options)
    with server_socket(config, REQUESTS, REPLIES, round(time.monotonic() - began_at, 3)) as socket:
        AnnotatorServer(annotator, socket, mixes=not options.clips.deterministic).serve()


if __name__ == "__main__":
    run_service(serve)
