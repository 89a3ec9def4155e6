"""Compiles functions over pixels with numba, for a single thread: frames run beside each other, rows do not."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function in machine code, kept on disk for the next process where some folder can be written.

    Arithmetic is IEEE's, not reordered: the same input gives the same bytes.
    """
    try:
        return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # numba finds no folder for its cache, as in a container whose files are read-only
        return cast("F", numba.njit(nogil=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """A function that is only called by compiled ones, and becomes part of them."""
    return cast("F", numba.njit(inline="always", error_model="numpy")(function))
