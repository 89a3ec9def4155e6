"""Several clips at a time, each in a process of its own; all share the models that have weights."""

import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Final

import click

from stream.config import Options
from stream.engines.batch import Outcome, ends_batch
from stream.engines.clip_process import ClipConfig
from stream.engines.clip_slot import ClipSlot
from stream.engines.earlier_runs import EarlierRuns, place_of
from stream.engines.model_services import ModelServices
from stream.errors import EgocleanError, UsageError
from stream.runtime.signals import StopRequest, signals_caught
from stream.runtime.socket_folder import SocketFolder
from stream.sources.address import FILE, STANDARD_INPUT, ClipSpec, redacted, scheme_of
from stream.sources.batch_options import PREVIOUS
from stream.sources.clip import Clip
from stream.sources.compressed import compressed_tar
from stream.sources.member import SEPARATOR
from stream.sources.table import open_clip
from stream.ui.screen import Screen
from stream.ui.view_pipe import repeat

_POLL_S: Final = 0.2


def check_concurrent(options: Options, clips: Sequence[ClipSpec]) -> None:
    """Check that these clips can be run at the same time.

    Raises:
        UsageError: they would interfere with each other.
    """
    if options.monitoring.metrics_port:
        raise UsageError(
            f"--jobs and --metrics-port {options.monitoring.metrics_port} contradict each other: give port 0"
        )
    if any(clip.spec == STANDARD_INPUT for clip in clips):
        raise UsageError("standard input cannot be one of several clips: run it alone")


def run_concurrently(
    clips: Sequence[ClipSpec], options: Options, jobs: int, screen: Screen, *, fail_fast: bool
) -> Iterator[Outcome]:
    """Run ``jobs`` clips at a time; yields the outcome of each as it ends.

    Raises:
        ModelUnavailableError: a model's weights are not there.
        NoRoomError: the models do not fit into the GPU's memory.
        StageFailedError: a shared model has died too often.
        UsageError: as ``check_concurrent``.
    """
    check_concurrent(options, clips)
    with ExitStack() as stack:
        folder = stack.enter_context(SocketFolder())
        services = stack.enter_context(closing(ModelServices(options, folder, screen.line)))
        at_once = min(jobs, len(clips)) or 1
        shared = {"resolved.runs_at_once": at_once, "resolved.known_dialects": folder.path / "dialects.json"}
        pool = _Pool(clips, services.options.replace(shared), folder.path, screen)
        stack.callback(pool.close)
        yield from pool.run(jobs, fail_fast=fail_fast, check=services.check)


class _Pool:
    """The clips that wait, and the processes that run."""

    def __init__(self, clips: Sequence[ClipSpec], options: Options, folder: Path, screen: Screen) -> None:
        self._waiting = list(enumerate(clips, start=1))[::-1]
        self._of = len(clips)
        self._options = options
        self._folder = folder
        self._screen = screen
        self._names = [_name(clip.spec) for clip in clips]
        self._running: set[ClipSlot] = set()
        self._free: list[ClipSlot] = []
        """Slots whose processes wait for another clip."""
        self._earlier = EarlierRuns()
        self._spools: dict[str, Clip | None] = {}
        """The members of compressed tars that are being run: the tar is read here, in order, once for all processes."""
        self._ended: queue.Queue[ClipSlot] = queue.Queue()
        """Not a ``SimpleQueue``: its ``get`` waits for ever if a signal's handler returns after the timeout."""

    def run(self, jobs: int, *, fail_fast: bool, check: Callable[[], None]) -> Iterator[Outcome]:
        """Yield outcomes until all have ended; after a signal, or an outcome that ends the batch, none begins."""
        stop, forwarded = StopRequest(), 0
        with signals_caught(stop):
            while self._running or (self._waiting and not stop.signals):
                while len(self._running) < jobs and not stop.signals and (place := self._next()) is not None:
                    self._begin(*self._waiting.pop(place))
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
        """Stop the runs that are under way, and end all processes."""
        self._signal(signal.SIGTERM)
        for slot in (*self._running, *self._free):
            slot.close()

    def _next(self) -> int | None:
        """Index of the next waiting clip; None if there is none that can begin.

        With ``--warm-start previous``, a clip waits for those before it in its folder or tar.
        """
        busy = {place_of(slot.clip) for slot in self._running} if self._options.clips.warm_start == PREVIOUS else set()
        indices = range(len(self._waiting) - 1, -1, -1)
        return next((index for index in indices if place_of(self._waiting[index][1].spec) not in busy), None)

    def _begin(self, number: int, spec: ClipSpec) -> None:
        clip, _, unopened = spec
        self._screen.line(f"[{number} of {self._of}] {redacted(clip)}")
        self._spools[clip] = _spooled(clip)
        options = self._earlier.options_for(clip, self._options)
        if spool := self._spools[clip]:
            options = options.replace({"resolved.spool": spool.spool})
        config = ClipConfig(clip=clip, unopened=unopened, options=options, outcome=self._folder / f"{number}.json")
        view = self._screen.view(_name(clip), self._names)
        is_json = self._options.output.log_format == "json"
        write_line = click.echo if is_json else partial(repeat, view=view)  # JSON for programs names its run
        slot = self._free.pop() if self._free else ClipSlot()
        slot.begin(config, view, write_line, self._ended.put)
        self._running.add(slot)

    def _outcome(self, slot: ClipSlot) -> Outcome:
        outcome = slot.outcome()
        self._running.discard(slot)
        if slot.is_alive:
            self._free.append(slot)
        self._spools.pop(outcome.clip, None)
        self._earlier.add(outcome)
        return outcome

    def _signal(self, number: int) -> None:
        for slot in self._running:
            slot.signal(number)


def _name(clip: str) -> str:
    """The file name of a clip, for people."""
    return redacted(clip).rpartition("::")[2].rpartition("/")[2]


def _spooled(clip: str) -> Clip | None:
    """A member of a compressed tar; None for any other clip, and for one whose process will meet its error."""
    if scheme_of(clip) != FILE or not (path := Path(clip.partition(SEPARATOR)[0])).is_file():
        return None
    with suppress(OSError, EgocleanError):
        if compressed_tar(path) is not None:
            return open_clip(clip)
    return None
