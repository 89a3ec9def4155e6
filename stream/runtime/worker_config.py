"""What a worker is told about the run that it works on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import BaseModel

from stream.config import Options
from stream.runtime.channels import Channel


class WorkerConfig(BaseModel):
    """Everything that a worker needs to know about a run, in one line of JSON."""

    process: str
    """Its row in the table of processes."""
    options: Options
    run_dir: Path
    attempt: int
    """Number of the attempt; a process of an older one may not write any more."""
    state: Path | None
    """The file with the states to continue from; None: from the start of the source."""
    heartbeat_endpoint: str
    inlet: Channel | None
    """From the process before it."""
    outlet: Channel | None
    """The channel to the next process, or to the client if it answers requests."""
    back: Channel | None = None
    """From the process after it, if that one answers requests."""

    @property
    def is_reusable(self) -> bool:
        """Whether the process may work on another run afterwards: a thread may still read a live source."""
        return self.inlet is not None or self.options.resolved.stream is None

    @property
    def source_descriptors(self) -> tuple[int, ...]:
        """The file descriptors in the options, which the process that reads the source needs."""
        if self.inlet is not None:
            return ()
        fetched = self.options.resolved.fetched
        return (*(self.options.live.stdin_fds or ()), *([fetched.fd] if fetched else []))

    def with_source_descriptors(self, descriptors: Sequence[int]) -> Self:
        """The configuration in the process that has received the descriptors, under other numbers."""
        if not descriptors:
            return self
        left, changes = list(descriptors), dict[str, object]()
        if self.options.live.stdin_fds:
            changes["live.stdin_fds"] = left.pop(0), left.pop(0)
        if fetched := self.options.resolved.fetched:
            changes["resolved.fetched"] = replace(fetched, fd=left.pop(0))
        return self.model_copy(update={"options": self.options.replace(changes)})
