"""The table of engines, and how a prepared run is given to the one that its options name."""

from collections.abc import Callable
from typing import Final

from stream.engines.inline import InlineEngine
from stream.engines.local import LocalEngine
from stream.run import session
from stream.run.prepare import Prepared
from stream.runtime.chain_run import Engine
from stream.runtime.signals import StopRequest
from stream.ui.view import View

ENGINES: Final[dict[str, Callable[[], Engine]]] = {"local": LocalEngine, "inline": InlineEngine}
"""By the name that ``--engine`` takes."""


def run_prepared(prepared: Prepared, view: View, stop: StopRequest | None = None) -> int:
    """As ``stream.run.session.run``, by the engine of the run's options."""
    return session.run(prepared, view, ENGINES[prepared.options.runtime.engine](), stop)
