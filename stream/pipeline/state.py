"""The states of stages, and how they are sent and kept on disk: msgpack, with numpy arrays as an extension."""

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import msgpack
import numpy as np

State: TypeAlias = dict[str, object]
"""What a stage's ``snapshot`` returns: msgpack's types and numpy arrays only."""

_ARRAY = 1
"""msgpack's extension type for ``[dtype, shape, bytes]``."""
_DTYPES = frozenset({"|u1", "<i8", "<f2", "<f4", "<f8"})

T = TypeVar("T")


def pack(state: Mapping[str, object]) -> bytes:
    """A state as bytes.

    Raises:
        TypeError: something in it is neither one of msgpack's types nor an array of a listed dtype.
    """
    packed: bytes = msgpack.packb(state, default=_from_array)
    return packed


def unpack(data: bytes) -> State:
    """What ``pack`` packed; its arrays are read-only.

    Raises:
        ValueError: it is nothing of the kind.
    """
    state = msgpack.unpackb(data, ext_hook=_to_array, strict_map_key=True)
    if not isinstance(state, dict):
        raise ValueError(f"packed is a {type(state).__name__}, expected the dict of a state")  # noqa: TRY004 - data
    return state


def with_states(states: bytes, more: State) -> bytes:
    """Packed states with more of them added."""
    return pack({**unpack(states), **more})


def replay_from_s(state: State) -> float | None:
    """The earliest stream time from which any of the states in a state needs its frames again; None if none does."""
    own = state.get("replay_from_s")
    parts = (replay_from_s(part) for part in state.values() if isinstance(part, dict))
    times_s = [t_s for t_s in (own, *parts) if isinstance(t_s, float)]
    return min(times_s, default=None)


def take(state: State, key: str, kind: type[T]) -> T:
    """The value of ``key``. Raises ``KeyError`` or ``TypeError`` where the state is not one of ours."""
    value = state[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} of a state is a {type(value).__name__}, expected {kind.__name__}")
    return value


def take_optional(state: State, key: str, kind: type[T]) -> T | None:
    """The value of ``key``, which may be None."""
    return None if state[key] is None else take(state, key, kind)


def _from_array(value: object) -> msgpack.ExtType:
    if not isinstance(value, np.ndarray) or value.dtype.str not in _DTYPES:
        expected = f"msgpack's types and arrays of {sorted(_DTYPES)}"
        raise TypeError(f"a {type(value).__name__} in a state, expected {expected}")
    return msgpack.ExtType(_ARRAY, msgpack.packb([value.dtype.str, value.shape, value.tobytes()]))


def _to_array(code: int, data: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    dtype, shape, content = msgpack.unpackb(data)
    if code != _ARRAY or dtype not in _DTYPES:
        raise ValueError(f"extension {code} with dtype {dtype!r}, expected {_ARRAY} with one of {sorted(_DTYPES)}")
    return np.frombuffer(content, dtype).reshape(shape)
