"""What a run has left and nobody can read any more: the one place that makes a sentence of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from stream.errors import DamagedError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read ``path``, or a part of it, in this block.

    Raises:
        DamagedError: what stands there is not what a run writes.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, EOFError) as error:
        raise DamagedError(path, _what(error)) from error


def _what(error: Exception) -> str:
    """What is wrong, on one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return str(error).partition("\n")[0] or type(error).__name__
