"""Several clips at a time: each has a process of its own, and all share one encoder if it has weights."""

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

import click

from models.annotators.table import annotator_spec
from models.encoders.table import encoder_spec
from stream.config import Options
from stream.engines.batch import Outcome, WriteLine, ends_batch
from stream.engines.clip_process import OUTCOME, ClipConfig
from stream.engines.encoder_process import EncoderProcess
from stream.errors import EgocleanError, UsageError
from stream.run.prepare import with_encoder
from stream.runtime.gpu_budget import with_budget
from stream.runtime.signals import DRAIN_S, StopRequest, signals_caught
from stream.runtime.socket_folder import SocketFolder
from stream.sources.address import FILE, STANDARD_INPUT, ClipSpec, redacted, scheme_of
from stream.sources.clip import Clip
from stream.sources.compressed import compressed_tar
from stream.sources.member import SEPARATOR
from stream.sources.table import open_clip

_POLL_S: Final = 0.2
_GRACE_S: Final = DRAIN_S + 3.0
"""A clip's process that has not ended this long after the stop request is killed."""


def check_concurrent(options: Options, clips: Sequence[ClipSpec]) -> None:
    """Check that these clips can be run at the same time.

    Raises:
        UsageError: they would interfere with each other.
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
    if any(clip.spec == STANDARD_INPUT for clip in clips):
        raise UsageError("standard input cannot be one of several clips: run it alone")


def run_concurrently(
    clips: Sequence[ClipSpec], options: Options, jobs: int, write_line: WriteLine, *, fail_fast: bool
) -> Iterator[Outcome]:
    """Run ``jobs`` clips at a time; yields the outcome of each as it ends.

    Raises:
        ModelUnavailableError: the encoder's weights are not there.
        StageFailedError: the shared encoder has died too often.
        UsageError: as ``check_concurrent``.
    """
    check_concurrent(options, clips)
    with ExitStack() as stack:
        folder = stack.enter_context(SocketFolder())
        options = with_encoder(options, allow_download=not options.runtime.offline)
        encoder: EncoderProcess | None = None
        if encoder_spec(options.encoder.name).has_weights:
            endpoint = folder.endpoint("encoder")
            encoder = EncoderProcess(with_budget(options), endpoint, folder.path / "encoder.log", write_line)
            stack.callback(encoder.close)
            options = options.replace({"resolved.encoder_endpoint": endpoint, "encoder.batch": 1})
        pool = _Pool(clips, options, folder.path, write_line)
        stack.callback(pool.close)
        yield from pool.run(jobs, fail_fast=fail_fast, check=encoder.check if encoder else lambda: None)


class _ClipProcess:
    """The process of one clip, and a thread that passes on the lines that it prints."""

    def __init__(self, config: ClipConfig, write_line: WriteLine, done: Callable[["_ClipProcess"], None]) -> None:
        self._config = config
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stream.engines.clip_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone
        )
        self._thread = threading.Thread(target=self._read, args=(write_line, done), daemon=True)
        self._thread.start()
        if self._process.stdin is not None:
            self._process.stdin.write(config.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, timeout_s: float) -> None:
        """Wait for its end, and kill it if that does not come in time."""
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
        """The outcome of the clip, once the process has ended."""
        self.end(_GRACE_S)
        code = self._process.returncode
        if self._config.outcome.exists():
            return OUTCOME.validate_json(self._config.outcome.read_bytes())
        if code < 0:
            return Outcome(self._config.clip, 70, f"its process was killed by {signal.Signals(-code).name}")
        return Outcome(self._config.clip, code, "stopped before it began" if code > 128 else f"it ended with {code}")

    def _read(self, write_line: WriteLine, done: Callable[["_ClipProcess"], None]) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                write_line(line.decode(errors="replace").rstrip("\n"))
        done(self)


class _Pool:
    """The clips that wait, and the processes that run."""

    def __init__(self, clips: Sequence[ClipSpec], options: Options, folder: Path, write_line: WriteLine) -> None:
        self._waiting = list(enumerate(clips, start=1))[::-1]
        self._of = len(clips)
        self._options = options
        self._folder = folder
        self._write_line = write_line
        self._running: set[_ClipProcess] = set()
        self._spools: dict[str, Clip | None] = {}
        """The members of compressed tars that are being run: the tar is read here, in order, once for all processes."""
        self._ended: queue.SimpleQueue[_ClipProcess] = queue.SimpleQueue()

    def run(self, jobs: int, *, fail_fast: bool, check: Callable[[], None]) -> Iterator[Outcome]:
        """Yield outcomes until all have ended; after a signal, or an outcome that ends the batch, none begins."""
        stop, forwarded = StopRequest(), 0
        with signals_caught(stop):
            while self._running or (self._waiting and not stop.signals):
                while self._waiting and len(self._running) < jobs and not stop.signals:
                    self._begin()
                for number in stop.signals[forwarded:]:
                    self._signal(number)
                forwarded = len(stop.signals)
                check()
                with suppress(queue.Empty):
                    yield (outcome := self._outcome(self._ended.get(timeout=_POLL_S)))
                    if ends_batch(outcome, fail_fast=fail_fast) and not stop.signals:
                        self._waiting.clear()
                        self._signal(signal.SIGTERM)

    def close(self) -> None:
        """Stop the processes that still run, and wait for them."""
        self._signal(signal.SIGTERM)
        for job in self._running:
            job.end(_GRACE_S)

    def _begin(self) -> None:
        number, (clip, _, unopened) = self._waiting.pop()
        self._write_line(f"[{number} of {self._of}] {redacted(clip)}")
        self._spools[clip] = _spooled(clip)
        options = (
            self._options.replace({"resolved.spool": spool.spool}) if (spool := self._spools[clip]) else self._options
        )
        config = ClipConfig(clip=clip, unopened=unopened, options=options, outcome=self._folder / f"{number}.json")
        self._running.add(_ClipProcess(config, self._prefixed(clip), self._ended.put))

    def _prefixed(self, clip: str) -> WriteLine:
        """Prefix lines for people with the clip's name; lines for programs name their run."""
        if self._options.output.log_format == "json":
            return click.echo  # it is a line of JSON already
        name = redacted(clip).rpartition("::")[2].rpartition("/")[2]
        return lambda line: self._write_line(f"{name}  {line}")

    def _outcome(self, job: _ClipProcess) -> Outcome:
        outcome = job.outcome()
        self._running.discard(job)
        self._spools.pop(outcome.clip, None)
        return outcome

    def _signal(self, number: int) -> None:
        for job in self._running:
            job.signal(number)


def _spooled(clip: str) -> Clip | None:
    """A member of a compressed tar; None for any other clip, and for one whose process will meet its error."""
    if scheme_of(clip) != FILE or not (path := Path(clip.partition(SEPARATOR)[0])).is_file():
        return None
    with suppress(OSError, EgocleanError):
        if compressed_tar(path) is not None:
            return open_clip(clip)
    return None
