"""The models that a process has loaded, which stay for the runs that follow."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Final, TypeAlias, TypeVar, cast

T = TypeVar("T")

ModelFacts: TypeAlias = dict[str, str | int | float]

_COUNTED: Final = ("device_busy_s", "memory_halvings")
"""Facts that grow while a model is in use."""


class LoadedModels:
    """At most one model of a kind: it is loaded once for all runs that want the same one."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[Hashable, object]] = {}
        self._load_s: dict[str, float] = {}
        """Time of the loads that no run has in its facts yet, by kind."""

    def get(self, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """The model of a kind. ``load`` makes it if the last one was made with another ``key``, and is gone before."""
        if kind not in self._models or self._models[kind][0] != key:
            self._models.pop(kind, None)
            began_at = time.monotonic()
            self._models[kind] = key, load()
            self._load_s[kind] = time.monotonic() - began_at
        return cast("T", self._models[kind][1])

    def take_load_s(self, kind: str) -> float:
        """Time that loading a model of this kind has taken since the last call, so that it is counted once."""
        return round(self._load_s.pop(kind, 0.0), 3)

    def clear(self) -> None:
        """Let go of all models: one of them has failed."""
        self._models.clear()


class FactsOfRun:
    """The facts of a model during one of several runs: what the model counts, from the run's beginning."""

    def __init__(self, facts: Callable[[], Mapping[str, str | int | float]]) -> None:
        """``facts`` are those of the model."""
        self._facts = facts
        before = facts()
        self._before: dict[str, float] = {name: float(before[name]) for name in _COUNTED if name in before}

    def __call__(self) -> ModelFacts:
        facts = dict(self._facts())
        for name, before in self._before.items():
            grown = max(0.0, float(facts[name]) - before)  # a model in another process may have been loaded again
            facts[name] = int(grown) if isinstance(facts[name], int) else round(grown, 6)
        return facts
