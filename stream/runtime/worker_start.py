"""Starts the processes of workers: as forks of a template where the system allows it, else each by itself."""

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
from typing import Final, Protocol, Self

from pydantic import BaseModel

from stream.errors import ExitCode
from stream.runtime.process_spec import ProcessSpec

_LOG = logging.getLogger(__name__)

_PR_SET_CHILD_SUBREAPER: Final = 36
"""Of prctl(2)."""
_TEMPLATE_TIMEOUT_S: Final = 60.0
"""A template that has imported nothing by then is given up."""
_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ForkRequest(BaseModel):
    """What a forked worker sets before it gets its first work."""

    name: str
    """Of its row in the table of processes, for ``ps`` and ``top``."""
    environment: dict[str, str | None]
    """Variables; None: to remove."""
    mmap_threshold_bytes: int | None
    """As of its row in the table of processes."""


class ChildProcess(Protocol):
    """A process of ours, as ``subprocess.Popen`` has it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        ...

    def wait(self) -> int:
        """Wait for its end; returns its exit status."""
        ...

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        ...


class ForkedProcess:
    """A child of this process that a template has forked."""

    def __init__(self, pid: int) -> None:
        self.pid: Final = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._awaited(os.WNOHANG)
        return self._code

    def wait(self) -> int:
        while self._code is None:
            self._code = self._awaited(0)
        return self._code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _awaited(self, flags: int) -> int | None:
        try:
            pid, status = os.waitpid(self.pid, flags)
        except ChildProcessError:  # it has ended, but SIGCHLD is ignored, or other code has awaited it
            return ExitCode.INTERNAL
        return os.waitstatus_to_exitcode(status) if pid else None


class WorkerTemplate:
    """The template's process."""

    def __init__(self, line: socket.socket, process: ChildProcess) -> None:
        """``line`` is this end of its socket."""
        self._line, self._process = line, process
        self._line.settimeout(_TEMPLATE_TIMEOUT_S)

    @classmethod
    def start(cls) -> Self:
        """Start one by itself."""
        line, far_end = socket.socketpair()
        with far_end:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stream.runtime.worker_template"],
                stdin=far_end.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # if it fails, so does the process that takes its place, which has a log
                start_new_session=True,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # no thread may exist at a fork
            )
        return cls(line, process)

    def fork(self, spec: ProcessSpec, control_fd: int, log_fd: int) -> ForkedProcess:
        """Fork a worker.

        Raises:
            OSError: the template has ended, or does not answer.
        """
        wanted = {**dict.fromkeys(_THREAD_VARIABLES), **_variables(spec)}
        environment = {name: value or os.environ.get(name) for name, value in wanted.items()}
        request = ForkRequest(name=spec.name, environment=environment, mmap_threshold_bytes=spec.mmap_threshold_bytes)
        content = request.model_dump_json().encode() + b"\n"
        sent = socket.send_fds(self._line, [content], [control_fd, log_fd])
        self._line.sendall(content[sent:])
        answer = b""
        while not answer.endswith(b"\n"):
            received = self._line.recv(64)
            if not received:
                raise ConnectionResetError("the template of the workers has ended")
            answer += received
        return ForkedProcess(int(answer))

    def close(self) -> None:
        """End it."""
        self._line.close()
        self._process.kill()
        self._process.wait()


_provided: Final[list[WorkerTemplate]] = []
"""A template that was forked before there was anyone to use it."""


def provide_template(template: WorkerTemplate) -> None:
    """Have the next starter of workers use a template that runs already."""
    _provided.append(template)


class WorkerStarter:
    """Starts the processes of workers."""

    def __init__(self) -> None:
        self._template: WorkerTemplate | None = None
        self._forks = True

    def start(self, spec: ProcessSpec, control_fd: int, log_fd: int) -> ChildProcess:
        """Start the process of a row of the table of processes.

        Args:
            spec: Its row.
            control_fd: Descriptor of its end of the control line.
            log_fd: Descriptor of what it prints to until it has work.
        """
        if self._forks and (forked := self._forked(spec, control_fd, log_fd)):
            return forked
        threshold = spec.mmap_threshold_bytes
        allocator = {} if threshold is None else {"MALLOC_MMAP_THRESHOLD_": str(threshold)}
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "stream.runtime.worker"],  # -P: a folder "stream" where we run is not ours
            stdin=control_fd,
            stdout=log_fd,
            stderr=log_fd,
            start_new_session=True,  # a terminal's Ctrl-C reaches the supervisor alone
            env={**os.environ, **_variables(spec), **allocator},
        )

    def close(self) -> None:
        """End the template. Workers are not affected."""
        if self._template is not None:
            self._template.close()
            self._template = None

    def _forked(self, spec: ProcessSpec, control_fd: int, log_fd: int) -> ForkedProcess | None:
        try:
            if self._template is None:
                become_subreaper()
                self._template = _provided.pop() if _provided else WorkerTemplate.start()
            return self._template.fork(spec, control_fd, log_fd)
        except OSError as error:
            _LOG.debug("workers are started one by one: %s", error)
            self._forks = False
            self.close()
            return None


def become_subreaper() -> None:
    """Become the parent of descendants whose own parent has ended.

    Raises:
        OSError: the system has no subreapers; Linux does.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "prctl") or libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this process cannot become a subreaper")


def _variables(spec: ProcessSpec) -> dict[str, str]:
    """The environment variables of a row."""
    return {} if spec.threads is None else dict.fromkeys(_THREAD_VARIABLES, str(spec.threads))
