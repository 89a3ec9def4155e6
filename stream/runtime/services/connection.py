"""A client's connection to a service."""

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

import zmq

from stream.errors import UsageError
from stream.pipeline.codec import Buffer, Codec
from stream.runtime.services.messages import QUEUE_MESSAGES, Goodbye, Hello, ServiceFacts, ServiceReady, ServiceReply

_HELLO_EVERY_MS: Final = 1000
"""A waiting client sends ``Hello`` this often, since a new process may have replaced the service."""
_GOODBYE_MS: Final = 1000
"""Time for the last message to reach a service."""


class WeightsChangedError(UsageError):
    """A service that was restarted has loaded other weights than before, so its results would not be comparable."""


Q = TypeVar("Q")
R = TypeVar("R", bound=ServiceReply)


class Connection(Generic[Q, R]):
    """Sends requests of type ``Q``, and receives replies of type ``R``.

    A request names the process that it is for, the one that replied last: another one that takes its place ignores what
    had been sent before, and gets everything that is still needed after its first reply.
    """

    def __init__(self, endpoint: str, requests: Codec[Q | Hello | Goodbye], replies: Codec[R]) -> None:
        self._requests = requests
        self._replies = replies
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, f"{os.getpid()}-{uuid.uuid4().hex[:8]}".encode())
        self._socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
        self._socket.connect(endpoint)
        self._instance = ""
        self._loads_s: dict[str, float] = {}
        self.facts: ServiceFacts = {}
        """Facts about the model, from the last reply."""
        self.on_restart: Callable[[], None] = lambda: None
        """Called when a reply comes from another process than before."""

    @property
    def load_s(self) -> float:
        """Time of the loads of which this is the first client."""
        return sum(self._loads_s.values())

    def send(self, message: Q | Hello | Goodbye) -> None:
        """Send a message; waits while the service is behind or absent."""
        self._socket.send_multipart(self._addressed(message))

    def receive(self, timeout_ms: int) -> R | None:
        """The next reply within ``timeout_ms``, if there is one.

        Raises:
            CodecError: the message is not a reply.
            WeightsChangedError: the service has been restarted, and has loaded other weights.
        """
        if not self._socket.poll(timeout_ms):
            return None
        reply = self._replies.decode(self._socket.recv_multipart())
        if isinstance(reply, ServiceReady):
            self._loads_s[reply.instance] = reply.load_s
        facts_before, self.facts = self.facts, reply.facts
        before, self._instance = self._instance, reply.instance
        if before not in ("", self._instance):
            self._require_weights_of(facts_before)
            self.on_restart()
        return reply

    def wait(self) -> R | None:
        """The next reply within a second; if there is none, send ``Hello``."""
        if (reply := self.receive(_HELLO_EVERY_MS)) is None:
            self.send(Hello())
        return reply

    def close(self) -> None:
        """Say goodbye, since the service cannot see that one of several clients of a process has gone."""
        with suppress(zmq.Again):
            self._socket.send_multipart(self._addressed(Goodbye()), zmq.NOBLOCK)
        self._socket.close(linger=_GOODBYE_MS)
        self._context.term()

    def _addressed(self, message: Q | Hello | Goodbye) -> list[Buffer]:
        """The parts of a message, after the process that it is for; a greeting is for any."""
        return [b"" if isinstance(message, Hello) else self._instance.encode(), *self._requests.encode(message)]

    def _require_weights_of(self, before: ServiceFacts) -> None:
        then, now = (str(facts.get("weights_sha256", "")) for facts in (before, self.facts))
        if then != now:
            raise WeightsChangedError(
                f"the weights of {before.get('model', 'the model')} have changed while they were in use (SHA-256 "
                f"{then[:12]} then, {now[:12]} now): use the same weights, choose another --out, or start over with "
                "--overwrite"
            )
