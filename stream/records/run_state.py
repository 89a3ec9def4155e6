"""What a run does at the moment, or how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from stream.errors import is_stop
from stream.records.schema.events import Event, RunFailed, RunFinished, RunResumed
from stream.records.schema.health import now, read_health

RunState: TypeAlias = Literal["finished", "running", "stopped", "failed"]
"""stopped: by a signal, or its heartbeats have ceased. Both it and failed can be resumed."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run's state, and the same in words with the reason."""

    state: RunState
    text: str


def status_of(log: Sequence[Event], health: Path) -> RunStatus:
    """The state of a run from its events so far and its ``health.json``, which need not exist."""
    kinds = RunFinished | RunFailed | RunResumed
    last = next((event for event in reversed(log) if isinstance(event, kinds)), None)
    match last:
        case RunFinished(exit_code=0):
            return RunStatus("finished", "finished")
        case RunFinished():
            return RunStatus("finished", "finished; some of it failed or was damaged")
        case RunFailed():
            is_stopped = is_stop(last.exit_code)
            return RunStatus("stopped", last.reason) if is_stopped else RunStatus("failed", f"failed: {last.reason}")
        case _:
            return _unfinished(health)


def _unfinished(health: Path) -> RunStatus:
    try:
        problem = read_health(health).problem(now())
    except (OSError, ValueError):  # it is just beginning, or its directory was copied without it
        return RunStatus("running", "not finished")
    return RunStatus("running", "running") if problem is None else RunStatus("stopped", f"not finished: {problem}")
