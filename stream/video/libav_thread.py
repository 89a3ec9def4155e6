"""Threads that wait inside libav, for a camera or a server that may never answer."""

import threading
from collections.abc import Callable
from typing import final


@final
class LibavThread(threading.Thread):
    """A thread that may be abandoned inside libav.

    While libav waits, it asks PyAV ten times a second whether to go on, and PyAV 18 takes Python's lock to answer: once
    Python has ended, that is a segmentation fault. A process with such a thread exits without ending Python
    (``stream.runtime.exit``).
    """

    def __init__(self, target: Callable[[], None], name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)
