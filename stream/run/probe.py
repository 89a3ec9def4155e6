"""Probe a source; a live source that is not available yet is retried for a while."""

import logging
from collections.abc import Callable

from stream.config import Options
from stream.errors import UnreachableError, UsageError
from stream.sources.address import FILE, scheme_of
from stream.sources.fetched import with_recorder
from stream.sources.live.backoff import Backoff
from stream.sources.source import Source
from stream.sources.table import open_source
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from stream.video.libav_thread import LibavThread

_LOG = logging.getLogger(__name__)

FIRST_CONTACT_S = 30.0
"""Seconds for which a camera that was never reached is tried, unless ``--reconnect-timeout-s`` is set."""


def probe(options: Options) -> tuple[Source, StreamFacts]:
    """Open the source and read its stream facts. A live source is retried; each reason is logged once.

    Raises:
        SourceError: it cannot be read, or cannot be reached in time.
        UsageError: options do not fit the source.
    """
    if scheme_of(options.source) == FILE:
        return _open(options)
    backoff = Backoff(options.live.reconnect_timeout_s or FIRST_CONTACT_S)
    logged: set[str] = set()
    while True:
        try:
            return _in_thread(lambda: _open(options))
        except UnreachableError as error:
            if str(error) not in logged:
                logged.add(str(error))
                _LOG.warning("%s; trying again", error)
            if not backoff.wait():
                raise


def _open(options: Options) -> tuple[Source, StreamFacts]:
    source = open_source(
        options.source, options.live, download=options.input.cache_source, spool=options.resolved.spool
    )
    source = with_recorder(source)
    _require_fitting(options, source)
    return source, read_facts(source)


def _require_fitting(options: Options, source: Source) -> None:
    if source.is_live:
        wrong = ["--loop"] * options.input.loop + ["--pace realtime"] * (options.input.pace == "realtime")
        if wrong:
            raise UsageError(f"{wrong[0]} is for clips, but {source.name} is a live source: omit it")
    elif flags := options.live.changed_flags():
        raise UsageError(f"{flags[0]} is for live sources, but {source.name} is a clip: omit it")


def _in_thread(opening: Callable[[], tuple[Source, StreamFacts]]) -> tuple[Source, StreamFacts]:
    """Open it in another thread: signals are handled in this one, and only while it is not inside libav."""
    found: list[tuple[Source, StreamFacts]] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            found.append(opening())
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    thread = LibavThread(run, "first contact")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]
