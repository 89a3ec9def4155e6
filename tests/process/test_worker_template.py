"""Workers that are forks of a template: children like any other, and replaced by processes of their own without it."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stream.runtime import worker_start
from stream.runtime.process_spec import ProcessSpec
from stream.runtime.processes import DETECT, ENCODE
from stream.runtime.worker_start import ChildProcess, ForkedProcess, WorkerStarter, WorkerTemplate
from stream.runtime.worker_template import fork_template
from tests.support.runs import DEADLINE_S, is_template, started, wait_for_event, workers


@pytest.fixture
def starter() -> Iterator[WorkerStarter]:
    """What starts workers; its template ends with the test."""
    starter = WorkerStarter()
    yield starter
    starter.close()


class IdleWorker:
    """A worker without work, and this end of its control line."""

    def __init__(self, starter: WorkerStarter, log: Path, spec: ProcessSpec = DETECT) -> None:
        self.line, far_end = socket.socketpair()
        with far_end, log.open("ab") as messages:
            self.process: ChildProcess = starter.start(spec, far_end.fileno(), messages.fileno())

    def end(self) -> int:
        """Close the line; the exit status."""
        self.line.close()
        return self.process.wait()


def template() -> psutil.Process:
    """The one of this process; a fork has its own name only a moment after it has begun."""
    return min((child for child in psutil.Process().children() if is_template(child)), key=psutil.Process.create_time)


def test_a_worker_is_a_child_in_a_session_of_its_own(starter: WorkerStarter, tmp_path: Path) -> None:
    """It is forked, its parent is this process, its output is its log, and it ends with its control line."""
    idle = IdleWorker(starter, tmp_path / "log")
    assert isinstance(idle.process, ForkedProcess)
    process = psutil.Process(idle.process.pid)
    assert process.ppid() == os.getpid()
    assert os.getsid(process.pid) == process.pid
    assert process.name() == "detect"
    assert Path(f"/proc/{process.pid}/fd/1").resolve() == tmp_path / "log"
    assert idle.process.poll() is None
    assert idle.end() == 0
    assert idle.process.poll() == 0


def test_the_signal_that_kills_it_is_known(starter: WorkerStarter, tmp_path: Path) -> None:
    """As from ``subprocess``: minus the signal's number; killing it again does nothing."""
    killed, other = IdleWorker(starter, tmp_path / "log"), IdleWorker(starter, tmp_path / "log")
    killed.process.kill()
    assert killed.end() == -signal.SIGKILL
    killed.process.kill()
    os.kill(other.process.pid, signal.SIGSEGV)
    assert other.process.wait() == -signal.SIGSEGV
    assert other.end() == -signal.SIGSEGV


def test_the_template_has_no_thread(starter: WorkerStarter, tmp_path: Path) -> None:
    """A fork would not copy it: locks that it holds would stay locked."""
    idle = IdleWorker(starter, tmp_path / "log")
    assert template().num_threads() == 1
    assert idle.end() == 0


@pytest.mark.parametrize(("spec", "threads"), [(DETECT, "1"), (ENCODE, "7")])
def test_its_row_sets_the_threads(
    starter: WorkerStarter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spec: ProcessSpec,
    threads: str,
) -> None:
    """The variable of a row that leaves the number open is that of the user."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    requests: list[worker_start.ForkRequest] = []
    model = worker_start.ForkRequest

    def kept(**values: object) -> worker_start.ForkRequest:
        requests.append(model.model_validate(values))
        return requests[-1]

    monkeypatch.setattr(worker_start, "ForkRequest", kept)
    assert IdleWorker(starter, tmp_path / "log", spec).end() == 0
    (request,) = requests
    assert request.environment["OMP_NUM_THREADS"] == threads


def test_without_a_template_each_is_started_by_itself(starter: WorkerStarter, tmp_path: Path) -> None:
    """A template that dies costs nothing: the next worker is a process of its own, and later ones are, too."""
    first = IdleWorker(starter, tmp_path / "log")
    template().kill()
    others = [IdleWorker(starter, tmp_path / "log") for _ in range(2)]
    assert all(isinstance(other.process, subprocess.Popen) for other in others)
    assert [each.end() for each in (first, *others)] == [0, 0, 0]


def test_where_there_are_no_subreapers(starter: WorkerStarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are started as before."""

    def refuse() -> None:
        raise OSError(22, "this process cannot become a subreaper")

    monkeypatch.setattr(worker_start, "become_subreaper", refuse)
    idle = IdleWorker(starter, tmp_path / "log")
    assert isinstance(idle.process, subprocess.Popen)
    assert idle.end() == 0


def test_a_template_ends_with_its_supervisor() -> None:
    """When the other end of its socket closes."""
    template_process = WorkerTemplate.start()
    template_process._line.close()
    assert psutil.wait_procs([psutil.Process(template_process._process.pid)], timeout=DEADLINE_S)[1] == []
    template_process.close()


def test_a_command_forks_it_before_its_threads(clip: Path, tmp_path: Path) -> None:
    """It shares what the command has imported, but neither its session, its output nor its signals, nor any thread."""
    with started(clip, "--no-rectify", "--encoder", "grid", "--loop", "--out", tmp_path) as process:
        wait_for_event(tmp_path / clip.stem, lambda event: event.event == "segment.opened", process)
        (forked,) = [child for child in psutil.Process(process.pid).children() if is_template(child)]
        assert forked.name() == "template"
        assert forked.num_threads() == 1
        assert os.getsid(forked.pid) == forked.pid
        assert {str(Path(f"/proc/{forked.pid}/fd/{number}").resolve()) for number in (1, 2)} == {os.devnull}
        assert {worker.name() for worker in workers(process)} == {"ingest", "encode", "detect", "record"}
        process.kill()
        assert psutil.wait_procs([forked], timeout=DEADLINE_S)[1] == []


def test_a_process_with_a_thread_is_not_forked() -> None:
    """Locks that the thread holds would stay locked in the fork."""
    is_over = threading.Event()
    thread = threading.Thread(target=is_over.wait)
    thread.start()
    before = psutil.Process().children()
    fork_template()
    is_over.set()
    thread.join()
    assert psutil.Process().children() == before


def test_one_that_something_else_has_awaited_has_failed(starter: WorkerStarter, tmp_path: Path) -> None:
    """Its exit status is lost, as where SIGCHLD is ignored: it counts as an internal error."""
    idle = IdleWorker(starter, tmp_path / "log")
    os.kill(idle.process.pid, signal.SIGKILL)
    os.waitpid(idle.process.pid, 0)
    assert idle.process.poll() == 70
    assert idle.end() == 70
