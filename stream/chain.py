"""Which processes the chain has, and which stages work in each: the only table of them all.

    ingest ──tiles, keyframes──▶ encode ──embeddings──▶ detect ──segments──▶ record
    decode + rectify             window + encoder       detect + annotate     disk

A stage is imported only in the process where it works.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stream.config import Options
from stream.errors import EgocleanError
from stream.items import End, EndReason, Packet
from stream.stage import Pipeline, Stage

PROCESSES = ("ingest", "encode", "detect", "record")
"""In the order of the chain."""


class Source(Protocol):
    """The first process's work: it makes items instead of receiving them."""

    realtime: bool
    """Whether its items are held back until the clock has reached their time."""

    def packets(self) -> Iterator[Packet]:
        """Compressed packets, until the source is exhausted."""
        ...

    def end(self, reason: EndReason) -> End:
        """The ``End`` for what has been given so far."""
        ...


@dataclass(frozen=True)
class Work:
    """What one process does."""

    stage: Stage
    source: Source | None = None
    facts: Callable[[], dict[str, Any]] = field(default=dict)
    """What is known of the work so far, for ``run.json``."""
    close: Callable[[], None] = field(default=lambda: None)


def build(process: str, options: Options, run_dir: Path) -> Work:
    """Make the work of one process.

    Raises:
        EgocleanError: if there is no such process, or what it needs is missing.
    """
    builders = {"ingest": _ingest, "encode": _encode, "detect": _detect, "record": _record}
    if process not in builders:
        raise EgocleanError(f"no process {process!r} in the chain, expected one of {PROCESSES}")
    return builders[process](options, run_dir)


def _encode(options: Options, _: Path) -> Work:
    from models.choice import make_encoder
    from stream.stages.window import Window

    encoder = make_encoder(options.encoder, options.encoder_model)
    return Work(Window(encoder, options.stride_s), facts=lambda: {"encoder": encoder.facts()})


def _detect(options: Options, _: Path) -> Work:
    from stream.stages.annotate import SkipAll
    from stream.stages.detect import Detect

    return Work(Pipeline([Detect(options.detector), SkipAll()]))


def _record(options: Options, run_dir: Path) -> Work:
    from stream.records.layout import RunLayout
    from stream.stages.record import Record

    record = Record(RunLayout(run_dir, run_dir.name), options.spool_mib * 1024 * 1024)
    return Work(record, close=record.close)
