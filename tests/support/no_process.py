"""Keeps fast tests fast: a test that starts a process belongs to another tier."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_is_forbidden = False


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if _is_forbidden and event == "subprocess.Popen":
        raise RuntimeError(f"this tier's tests start no process, and this one starts {arguments[1]}: move it")


sys.addaudithook(_refuse)


@contextmanager
def no_process() -> Iterator[None]:
    """While the block runs, starting a process is an error."""
    global _is_forbidden  # noqa: PLW0603 - an audit hook cannot be removed, and sees the whole interpreter
    _is_forbidden = True
    try:
        yield
    finally:
        _is_forbidden = False
