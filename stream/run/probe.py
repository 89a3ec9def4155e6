"""The first contact with a source; a live one that is not there is sought for a while."""

import logging
import threading
from collections.abc import Callable

from stream.config import Options
from stream.errors import UnreachableError, UsageError
from stream.sources.address import FILE, scheme_of
from stream.sources.live.backoff import Backoff
from stream.sources.source import Source
from stream.sources.table import open_source
from stream.video.container import read_facts
from stream.video.facts import StreamFacts

_LOG = logging.getLogger(__name__)

FIRST_CONTACT_S = 30.0
"""How long a camera is sought that was never reached, unless ``--reconnect-timeout-s`` says otherwise."""


def reach(options: Options) -> tuple[Source, StreamFacts]:
    """The source, and what it says of itself. Why a live one cannot be reached is logged, each reason once.

    Raises:
        SourceError: it cannot be read, or not be reached in time.
        UsageError: options do not fit the source.
    """
    if scheme_of(options.source) == FILE:
        return _look(options)
    backoff = Backoff(options.live.reconnect_timeout_s or FIRST_CONTACT_S)
    told: set[str] = set()
    while True:
        try:
            return _in_thread(lambda: _look(options))
        except UnreachableError as error:
            if str(error) not in told:
                told.add(str(error))
                _LOG.warning("%s; trying again", error)
            if not backoff.wait():
                raise


def _look(options: Options) -> tuple[Source, StreamFacts]:
    source = open_source(options.source, options.live, download=options.input.cache_source)
    _require_fitting(options, source)
    return source, read_facts(source)


def _require_fitting(options: Options, source: Source) -> None:
    if source.is_live:
        wrong = ["--loop"] * options.input.loop + ["--pace realtime"] * (options.input.pace == "realtime")
        if wrong:
            raise UsageError(f"{wrong[0]} is for clips, and {source.name} is a live source: leave it out")
    elif given := options.live.changed_flags():
        raise UsageError(f"{given[0]} is for live sources, and {source.name} is a clip: leave it out")


def _in_thread(look: Callable[[], tuple[Source, StreamFacts]]) -> tuple[Source, StreamFacts]:
    """Do it where it may take its time: a signal's handler runs in this thread, and only while it is not in libav."""
    found: list[tuple[Source, StreamFacts]] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            found.append(look())
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    thread = threading.Thread(target=run, name="first contact", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]
