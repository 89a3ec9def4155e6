"""The snapshots of stages: dicts that ``stream.pipeline.codec`` packs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from stream.pipeline.codec import pack, unpack

State: TypeAlias = dict[str, object]
"""What a stage's ``snapshot`` returns: msgpack's types and numpy arrays only."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PackedState:
    """The snapshot of one stage, packed: it travels along the chain and into a checkpoint without being unpacked."""

    content: bytes

    @classmethod
    def of(cls, state: State) -> PackedState:
        return cls(pack(state))

    def unpacked(self) -> State:
        """Raises ``CodecError`` if the content is not a packed state."""
        return unpack(self.content)


def packed_states(states: State) -> dict[str, PackedState]:
    """The states of several stages, by name, each packed."""
    return {name: PackedState.of(take(states, name, dict)) for name in states}


def unpacked_states(states: Mapping[str, PackedState]) -> State:
    """What ``packed_states`` packed."""
    return {name: state.unpacked() for name, state in states.items()}


def with_state(states: Mapping[str, PackedState], name: str, state: State) -> dict[str, PackedState]:
    """The packed states of several stages, by name, with that of one more.

    Raises:
        ValueError: another stage of the chain has the same name.
    """
    if name in states:
        raise ValueError(f"two stages of the chain are named {name}, expected a different name for each")
    return {**states, name: PackedState.of(state)}


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
