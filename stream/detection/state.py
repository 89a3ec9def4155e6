"""Reading a snapshot back, with its types checked."""

from __future__ import annotations

from typing import TypeVar

from stream.stage import State

T = TypeVar("T")


def take(state: State, key: str, kind: type[T]) -> T:
    """The value of ``key``. Raises ``KeyError`` or ``TypeError`` where the snapshot is not one of ours."""
    value = state[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} of a snapshot is a {type(value).__name__}, expected {kind.__name__}")
    return value


def take_optional(state: State, key: str, kind: type[T]) -> T | None:
    """The value of ``key``, which may be None."""
    return None if state[key] is None else take(state, key, kind)
