"""As many jobs at once as are wanted: each clip has a process, and all share one encoder where it has weights."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from models.annotators.table import annotator_spec
from models.encoders.table import encoder_spec
from stream.config import Options
from stream.engines.batch import Outcome, Say, ends_series
from stream.engines.clip_process import OUTCOME, JobConfig
from stream.engines.encoder_process import EncoderProcess
from stream.errors import UsageError
from stream.run.prepare import with_encoder
from stream.runtime.gpu_budget import with_budget
from stream.runtime.signals import DRAIN_S, StopRequest, signals_caught
from stream.runtime.socket_folder import SocketFolder
from stream.sources.address import redacted

_LOOK_EVERY_S: Final = 0.2
_GRACE_S: Final = DRAIN_S + 3.0
"""A job that was told to stop and has not ended by then is killed."""


def check_together(options: Options, clips: Sequence[str]) -> None:
    """See that these clips can be run at once.

    Raises:
        UsageError: they would be in each other's way.
    """
    annotator = options.annotator
    if annotator.enabled and annotator_spec(annotator.name).has_weights:
        raise UsageError(
            f"--jobs and --annotator {annotator.name} contradict each other, since each job would load the model: "
            "serve it once and name the server with --annotator openai, or describe later with annotate"
        )
    if options.monitoring.metrics_port:
        raise UsageError(
            f"--jobs and --metrics-port {options.monitoring.metrics_port} contradict each other: give port 0"
        )
    if "-" in clips:
        raise UsageError("standard input cannot be one of several clips: run it alone")


def at_once(clips: Sequence[str], options: Options, jobs: int, say: Say, *, fail_fast: bool) -> Iterator[Outcome]:
    """Run ``jobs`` clips at a time; gives what became of each as it ends.

    Raises:
        ModelUnavailableError: the encoder's weights are not there.
        StageFailedError: the encoder that they share cannot be kept alive.
        UsageError: as ``check_together``.
    """
    check_together(options, clips)
    with ExitStack() as stack:
        folder = stack.enter_context(SocketFolder())
        options = with_encoder(options, allow_download=not options.runtime.offline)
        encoder: EncoderProcess | None = None
        if encoder_spec(options.encoder.name).has_weights:
            endpoint = folder.endpoint("encoder")
            encoder = EncoderProcess(with_budget(options), endpoint, folder.path / "encoder.log", say)
            stack.callback(encoder.close)
            options = options.replace({"resolved.encoder_endpoint": endpoint, "encoder.batch": 1})
        pool = _Pool(clips, options, folder.path, say)
        stack.callback(pool.close)
        yield from pool.run(jobs, fail_fast=fail_fast, check=encoder.check if encoder else lambda: None)


class _Job:
    """One process, and a thread that hands its lines on."""

    def __init__(self, order: JobConfig, say: Say, done: Callable[["_Job"], None]) -> None:
        self._order = order
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stream.engines.clip_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone
        )
        self._thread = threading.Thread(target=self._read, args=(say, done), daemon=True)
        self._thread.start()
        if self._process.stdin is not None:
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, timeout_s: float) -> None:
        """Wait for its end, and kill it where that does not come."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def outcome(self) -> Outcome:
        """What became of it, once it has ended."""
        self.end(_GRACE_S)
        code = self._process.returncode
        if self._order.outcome.exists():
            return OUTCOME.validate_json(self._order.outcome.read_bytes())
        if code < 0:
            return Outcome(self._order.clip, 70, f"the job was killed by {signal.Signals(-code).name}")
        return Outcome(self._order.clip, code, "stopped before it had begun" if code > 128 else f"it ended with {code}")

    def _read(self, say: Say, done: Callable[["_Job"], None]) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                say(line.decode(errors="replace").rstrip("\n"))
        done(self)


class _Pool:
    """Jobs that wait, and jobs that run."""

    def __init__(self, clips: Sequence[str], options: Options, folder: Path, say: Say) -> None:
        self._waiting = list(enumerate(clips, start=1))[::-1]
        self._of = len(clips)
        self._options = options
        self._folder = folder
        self._say = say
        self._running: set[_Job] = set()
        self._ended: queue.SimpleQueue[_Job] = queue.SimpleQueue()

    def run(self, jobs: int, *, fail_fast: bool, check: Callable[[], None]) -> Iterator[Outcome]:
        """Give outcomes until all have ended; after a signal, or one that ends a series, nothing new is begun."""
        stopped, told = StopRequest(), 0
        with signals_caught(stopped):
            while self._running or (self._waiting and not stopped.signals):
                while self._waiting and len(self._running) < jobs and not stopped.signals:
                    self._begin()
                for number in stopped.signals[told:]:
                    self._signal(number)
                told = len(stopped.signals)
                check()
                with suppress(queue.Empty):
                    yield (outcome := self._outcome(self._ended.get(timeout=_LOOK_EVERY_S)))
                    if ends_series(outcome, fail_fast=fail_fast) and not stopped.signals:
                        self._waiting.clear()
                        self._signal(signal.SIGTERM)

    def close(self) -> None:
        """End what still runs, in order."""
        self._signal(signal.SIGTERM)
        for job in self._running:
            job.end(_GRACE_S)

    def _begin(self) -> None:
        number, clip = self._waiting.pop()
        self._say(f"[{number} of {self._of}] {redacted(clip)}")
        order = JobConfig(clip=clip, options=self._options, outcome=self._folder / f"{number}.json")
        self._running.add(_Job(order, self._said(clip), self._ended.put))

    def _said(self, clip: str) -> Say:
        """Lines for people begin with the clip's name; those for programs name their run."""
        if self._options.output.log_format == "json":
            return lambda line: print(line, flush=True)  # noqa: T201 - it is a line of JSON already
        name = redacted(clip).rpartition("::")[2].rpartition("/")[2]
        return lambda line: self._say(f"{name}  {line}")

    def _outcome(self, job: _Job) -> Outcome:
        outcome = job.outcome()
        self._running.discard(job)
        return outcome

    def _signal(self, number: int) -> None:
        for job in self._running:
            job.signal(number)
