"""``health.json``: the state of a run, for programs that have no port to query."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from stream.errors import is_stop
from stream.records.store.versions import require_known_version

HealthState: TypeAlias = Literal["starting", "running", "stalled", "finished", "failed"]

OLD_S = 30.0
"""The file is written once a second during a run; after thirty missed heartbeats the run is taken for dead."""


class Health(BaseModel):
    """One heartbeat of a whole run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    time: str = Field(description="time of day, ISO 8601 in UTC")
    state: HealthState
    reason: str = Field(default="", description="why it is stalled or failed, or what it waits for")
    decoded_s: float = Field(ge=0.0, description="seconds of the source decoded so far")
    windows: int = Field(ge=0, description="windows embedded so far")
    exit_code: int | None = Field(default=None, description="exit code of a run that has ended")

    def problem(self, now: datetime) -> str | None:
        """The problem of the run at ``now``; None if it is healthy or has finished."""
        if self.state == "finished":
            return None
        if self.state == "failed" and is_stop(self.exit_code):
            return self.reason  # "stopped by SIGTERM": as it was asked to
        if self.state in ("stalled", "failed"):
            return f"{self.state}: {self.reason}"
        age_s = (now - datetime.fromisoformat(self.time)).total_seconds()
        return f"no heartbeat for {age_s:.0f} s, last seen {self.state}" if age_s > OLD_S else None

    def summary(self) -> str:
        """State and progress in one phrase."""
        windows = f"{self.windows:,} window{'' if self.windows == 1 else 's'}"
        waits = f" ({self.reason})" if self.state == "running" and self.reason else ""
        return f"{self.state}{waits}, {self.decoded_s:.1f} s decoded, {windows} embedded"

    def write(self, path: Path) -> None:
        """Replace the file, without fsync: it describes the present only and need not survive a power cut."""
        part = path.with_name(path.name + ".part")
        try:
            part.write_text(self.model_dump_json(ensure_ascii=True) + "\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def read_health(path: Path) -> Health:
    """The last heartbeat of a run.

    Raises:
        OSError: the file is missing.
        ValueError: the file is not a heartbeat.
        NewerVersionError: a newer version wrote it.
    """
    content = path.read_bytes()
    try:
        return Health.model_validate_json(content)
    except ValueError:
        require_known_version(path, content)
        raise


def now() -> datetime:
    """The time of day, in UTC, as in the records."""
    return datetime.now(UTC)
