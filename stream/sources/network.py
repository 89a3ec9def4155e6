"""The network, which ``--offline`` forbids: every connection to a source is checked here first."""

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from stream.errors import UsageError

_FORBIDDEN: Final = threading.Event()
"""Set while this process must not use the network. Global, because sources are read in several threads."""


@contextmanager
def network(*, offline: bool) -> Iterator[None]:
    """Forbid the network in this block if ``offline``, else allow it."""
    before = _FORBIDDEN.is_set()
    _set(offline=offline)
    try:
        yield
    finally:
        _set(offline=before)


def _set(*, offline: bool) -> None:
    if offline:
        _FORBIDDEN.set()
    else:
        _FORBIDDEN.clear()


def require_network(name: str, server: str | None = None) -> None:
    """Must be called before a connection is opened.

    Args:
        name: What is to be read, for the message; without secrets.
        server: The address of a camera or an annotator, which is not the network if it is on this machine. None
            for stored files, which count as remote wherever their server is.

    Raises:
        UsageError: the network is forbidden.
    """
    if _FORBIDDEN.is_set() and not (server and is_on_this_machine(server)):
        raise UsageError(f"--offline forbids the network, and {name} needs it: name a local copy, or omit --offline")


def is_on_this_machine(address: str) -> bool:
    """Whether the host of an address is ``localhost`` or a loopback address; other names are not resolved."""
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name, or no valid address
        return False
