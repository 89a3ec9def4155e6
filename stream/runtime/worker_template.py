"""A process that has imported what workers need, and forks them.

To import everything takes a process more than half a second of CPU time; a fork takes milliseconds, and shares the
memory of what was imported. So a command that will need workers forks the template, too, before it has any thread
(``fork_template``). Where that cannot be, ``stream.runtime.worker_start`` starts it as ``python -m
stream.runtime.worker_template``.

The process that it forks forks the worker and ends, so that the worker becomes a child of the supervisor, which is the
nearest subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), and awaits and kills it as any other child. Standard input is a
Unix socket: each request is one line of JSON with two descriptors, the worker's control line and its log; the answer is
the worker's process id. The template ends when the socket closes. It never has a thread, which a fork would not copy.
"""

import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import Final

from threadpoolctl import threadpool_limits

from stream.errors import ExitCode
from stream.runtime import worker
from stream.runtime.signals import heeded_signals
from stream.runtime.worker_start import ForkedProcess, ForkRequest, WorkerTemplate, provide_template
from stream.ui import standard_streams

_IMPORTED: Final = (
    "av",
    "cv2",
    "models.encoders.grid",
    "stream.geometry.calibrations.chosen",
    "stream.sources.fetched",
    "stream.sources.table",
    "stream.stages.cached_encoder",
    "stream.stages.decode",
    "stream.stages.detect",
    "stream.stages.embed",
    "stream.stages.motion",
    "stream.stages.record",
    "stream.stages.rectify",
    "stream.stages.store",
    "stream.video.decoder",
)
"""What the processes of most chains import; the rest, torch above all, each imports for itself."""
_READ_BYTES: Final = 1 << 16
_DESCRIPTORS: Final = 2
_M_MMAP_THRESHOLD: Final = -3
"""Of mallopt(3)."""
_NAME: Final = "template"
"""In ``ps`` and ``top``."""


def main() -> None:
    """Entry of the template's process, and of each worker that it forks."""
    _import_all()
    gc.collect()
    gc.freeze()  # the collector would copy the pages that it marks
    _serve()


def fork_template() -> None:
    """Fork the template of the workers that this process will start.

    Nothing happens where forks are not supported, or if the process has a thread already.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        return
    _import_all()
    gc.freeze()
    line, far_end = socket.socketpair()
    if pid := os.fork():
        far_end.close()
        provide_template(WorkerTemplate(line, ForkedProcess(pid)))
        return
    status = int(ExitCode.INTERNAL)
    try:
        line.close()
        _leave_program(far_end)
        _serve()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - nothing may return to the program, of which this is a copy
        traceback.print_exc()
    finally:
        os._exit(status)


def _import_all() -> None:
    for name in _IMPORTED:
        import_module(name)


def _leave_program(line: socket.socket) -> None:
    """Become a process of its own: without the program's session, handlers of signals, streams and name."""
    os.setsid()
    for number in heeded_signals():
        signal.signal(number, signal.SIG_DFL)
    standard_streams.redirect_messages(None)
    with Path(os.devnull).open("r+b", buffering=0) as nowhere:
        for standard, descriptor in enumerate((line.fileno(), nowhere.fileno(), nowhere.fileno())):
            os.dup2(descriptor, standard)
    line.close()
    Path("/proc/self/comm").write_text(_NAME)
    threadpool_limits(1, "blas")  # as in a template that is started by itself, whose environment says so


def _serve() -> None:
    """Fork a worker at each request that comes over standard input; in a worker, do its work."""
    with socket.socket(fileno=os.dup(0)) as line:
        while received := _receive(line):
            content, descriptors = received
            request = ForkRequest.model_validate_json(content)
            if _fork(line, request.name):
                break
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            return
    _prepare(request, *descriptors)
    worker.main()


def _receive(line: socket.socket) -> tuple[bytes, list[int]] | None:
    """The next request; None when the supervisor is gone."""
    content, descriptors = b"", list[int]()
    while not content.endswith(b"\n"):
        received, arrived, _, _ = socket.recv_fds(line, _READ_BYTES, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        if not received:
            return None
        content += received
        descriptors += arrived
    return content, descriptors


def _fork(line: socket.socket, name: str) -> bool:
    """Fork a worker; True in the worker. Here, report its process id once it is the supervisor's child.

    By then it has its name and a session of its own: it keeps the pipe open until it has both.
    """
    reading, writing = os.pipe()
    parent = os.fork()
    if not parent:
        pid = os.fork()
        if not pid:
            os.close(reading)
            os.setsid()
            Path("/proc/self/comm").write_text(name)
            os.close(writing)
            return True
        os.write(writing, b"%d\n" % pid)
        os._exit(0)
    os.close(writing)
    os.waitpid(parent, 0)
    with os.fdopen(reading, "rb") as pipe:
        line.sendall(pipe.read())
    return False


def _prepare(request: ForkRequest, control: int, log: int) -> None:
    """What ``subprocess`` would do for a process that is started by itself."""
    standard_streams.redirect_messages(log)
    for descriptor, numbers in ((control, (0,)), (log, (1, 2))):
        for number in numbers:
            os.dup2(descriptor, number)
        os.close(descriptor)
    for name, value in request.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    libc = ctypes.CDLL(None)
    if request.mmap_threshold_bytes is not None and hasattr(libc, "mallopt"):  # glibc has it
        libc.mallopt(_M_MMAP_THRESHOLD, request.mmap_threshold_bytes)


if __name__ == "__main__":
    main()
