"""What is known about one server: the dialect of requests to it, and whether it can answer any."""

import logging
from dataclasses import replace
from typing import Final

from models.annotators.openai.dialect import Dialect, adapted, without_preceding
from models.annotators.openai.known_dialects import Adapted, KnownDialects, Server
from models.annotators.openai.refusal import Refusal

REFUSED_MAX: Final = 3
"""Segments that a server may refuse in the same words before it has answered any, and batches in turn that it may not
let in after it has: a gateway may forget its server for a moment. Then no more are requested."""
_log = logging.getLogger(__name__)


class Negotiation:
    """Finds out in what dialect a server answers; all requests to it share one."""

    def __init__(self, url: str, model: str, dialect: Dialect, known: KnownDialects | None = None) -> None:
        """Begin with ``dialect``, or with what it has become for this model in another run that shares ``known``."""
        self._url: Final = url
        self._server: Final = Server(url, model, dialect)
        self._known: Final = known or KnownDialects()
        self._refused: Final[dict[tuple[int, str], set[str]]] = {}
        self._adapted = self._known.get(self._server)
        self.has_answered = False
        self._hopeless_batches = 0
        self._is_hopeless = False
        """Whether the batch under way is among them."""
        self.ended: str | None = None
        """A clause on why it can answer no request; None while it may."""

    @property
    def dialect(self) -> Dialect:
        """That of the next request."""
        return self._adapted.dialect

    @property
    def changes(self) -> list[str]:
        """What was changed, a clause each."""
        return list(self._adapted.changes)

    def adapt(self, sent: Dialect, pictures: int, refusal: Refusal, *, has_preceding: bool = False) -> bool:
        """Change the dialect after a refusal; returns whether to repeat the request.

        Args:
            sent: the dialect of the request.
            pictures: number of its pictures, which may be fewer than the dialect's most.
            refusal: the server's.
            has_preceding: whether it had preceding frames, too, which are left out before anything of the segment is.
        """
        if sent != self.dialect:
            return True  # meanwhile another request has led to a change
        before, self._adapted = self._adapted, self._known.get(self._server)
        if self._adapted != before:
            return True  # one of another process has
        change = without_preceding(sent, refusal) if has_preceding else None
        change = change or adapted(replace(sent, frames_max=min(pictures, sent.frames_max)), refusal)
        if change is None:
            return False
        dialect, clause = change
        is_of_pictures = dialect.frames_max < min(pictures, sent.frames_max)
        dialect = dialect if is_of_pictures else replace(dialect, frames_max=sent.frames_max)
        wanted = Adapted(dialect, (*before.changes, clause))
        self._adapted = self._known.put(self._server, before, wanted)
        if self._adapted != wanted:
            return True  # one of another process has, just now
        _log.warning("%s refuses a request (%s); from now on: %s", self._url, _words(refusal), clause)
        return True

    def note_answer(self) -> None:
        """Note that the server has answered a request."""
        self.has_answered = True
        self._hopeless_batches = 0

    def begin_batch(self) -> None:
        """Note that a batch of requests begins, in the dialect that is known by now."""
        self._is_hopeless = False
        self._adapted = self._known.get(self._server)

    def note_hopeless(self, clause: str) -> None:
        """Note that the server lets no request in now; ``clause`` says why."""
        self._hopeless_batches += not self._is_hopeless
        self._is_hopeless = True
        if not self.has_answered or self._hopeless_batches >= REFUSED_MAX:
            self.ended = clause

    def note_refusal(self, segment_id: str, refusal: Refusal) -> None:
        """Note that a request for a segment was refused for good."""
        segments = self._refused.setdefault((refusal.status, refusal.quote), set())
        segments.add(segment_id)
        if len(segments) >= REFUSED_MAX and not self.has_answered:
            self.ended = f"refuses every request ({_words(refusal)})"


def _words(refusal: Refusal) -> str:
    return f"{refusal.status}: {refusal.quote}" if refusal.quote else str(refusal.status)
