"""The snapshots of stages: dicts that ``stream.pipeline.codec`` packs."""

from typing import TypeAlias, TypeVar

from stream.pipeline.codec import pack, unpack

State: TypeAlias = dict[str, object]
"""What a stage's ``snapshot`` returns: msgpack's types and numpy arrays only."""

T = TypeVar("T")


def with_states(states: bytes, more: State) -> bytes:
    """Packed states with more of them added.

    Raises:
        ValueError: two stages of the chain have the same name.
    """
    before = unpack(states)
    if both := sorted(before.keys() & more.keys()):
        raise ValueError(f"two stages of the chain are named {', '.join(both)}, expected a different name for each")
    return pack({**before, **more})


def replay_from_s(state: State) -> float | None:
    """The earliest stream time from which any of the nested states needs its frames again; None if none does."""
    own = state.get("replay_from_s")
    parts = (replay_from_s(part) for part in state.values() if isinstance(part, dict))
    times_s = [t_s for t_s in (own, *parts) if isinstance(t_s, float)]
    return min(times_s, default=None)


def take(state: State, key: str, kind: type[T]) -> T:
    """The value of ``key``.

    Raises:
        KeyError: the state has no such key.
        TypeError: the value is of another type.
    """
    value = state[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} of a state is a {type(value).__name__}, expected {kind.__name__}")
    return value


def take_optional(state: State, key: str, kind: type[T]) -> T | None:
    """The value of ``key``, which may be None."""
    return None if state[key] is None else take(state, key, kind)
