"""The messages that every service has (``stream.pipeline.codec``), and what all of its replies hold."""

from dataclasses import dataclass
from typing import Final, TypeAlias

ServiceFacts: TypeAlias = dict[str, str | int | float]

QUEUE_MESSAGES: Final = 256
"""High-water mark on either side of one client."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A client asks whether the service is ready."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A client needs nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReply:
    """The fields of every reply."""

    instance: str
    """Identifies the process; a restarted service has another one."""
    facts: ServiceFacts
    """Facts about the model, for ``run.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReady(ServiceReply):
    """The model is loaded; the answer to ``Hello``."""

    load_s: float
    """Time that loading it took, for the first client; 0 for all others, so that it is counted once."""
