"""The session of a run, from its options to its exit code: starts or resumes it, and has an engine run the chain."""

import threading
import time

from stream.errors import (
    EgocleanError,
    ExitCode,
    ModelUnavailableError,
    StageFailedError,
    UsageError,
    exit_code_of,
    sentence_of,
)
from stream.monitoring.monitor import Monitor
from stream.records.latencies import latencies, summary_line
from stream.records.replay import latest_s, verify_records
from stream.records.schema import events
from stream.records.schema.annotations import write_annotations
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest
from stream.records.store.arrays import rows_in
from stream.records.store.attempt import begin_attempt
from stream.records.store.checkpoint import newest_checkpoint, remove_checkpoints
from stream.records.store.event_log import EventLog, finish_of, read_events
from stream.records.store.run_lock import NETWORK_ADVICE, RunLock, clear, earlier_run, file_system, is_network
from stream.records.store.versions import require_readable
from stream.records.store.warm_start import write_warm_start
from stream.run.no_window import no_window_reason
from stream.run.overwrite import announce_removal, next_command
from stream.run.prepare import Prepared
from stream.run.provenance import begin, complete, resumed_manifest
from stream.run.resumption import can_resume, reached_s, state_to_continue
from stream.run.usage import Price, Spent, spent, usage
from stream.run.warm_start import WarmStart
from stream.runtime.chain_run import ChainRun, Engine, Observer, Restarts
from stream.runtime.signals import StopRequest, signals_caught
from stream.ui.notes import Note
from stream.ui.view import View

_STEP_S = 0.1
HASH_GRACE_S = 1.0
"""A run that is stopped does not wait longer for the hash of a large source; it is added when the run is complete."""


def run(prepared: Prepared, view: View, engine: Engine, stop: StopRequest | None = None) -> int:
    """Make a run directory from a prepared source, or resume the run in it.

    Args:
        prepared: What is run.
        view: Shows the run.
        engine: Runs the chain.
        stop: Where signals are noted while it lasts, also one that comes too late to stop it.

    Returns:
        The documented exit code.

    Raises:
        UsageError: the run directory cannot be used, or is damaged.
        StageFailedError: a process failed; ``run.failed`` is in the event log.
    """
    layout = RunLayout(prepared.options.output.folder / prepared.source.stem, prepared.source.stem)
    lock = RunLock(layout)
    try:
        with Monitor(prepared.options, layout, engine.patience_s(prepared.options)) as monitor:
            if is_network(kind := file_system(layout.root)):
                view.note(Note(f"{layout.root} is on {kind}: {NETWORK_ADVICE}", "warning"))
            if monitor.address:
                view.note(Note(f"metrics at {monitor.address}/metrics"))
            return _begin(_Session(prepared, lock, view, engine, monitor, stop or StopRequest()))
    finally:
        view.close()
        lock.release()


def _begin(session: "_Session") -> int:
    prepared, layout, view = session.prepared, session.layout, session.view
    options, source = prepared.options, prepared.source
    if not options.starts_over:
        require_readable(layout)
    new = begin(prepared)
    earlier = None if options.starts_over else earlier_run(layout, new, options.identity_defaults(), source.sha256)
    if earlier is not None:
        # A run that was killed between its last event and the completion of run.json repeats its last second.
        is_complete = earlier.state == "finished" or source.is_live
        if is_complete and (finish := finish_of(layout.events)):
            view.begin(earlier.run_id)
            view.event(finish)
            view.note(Note(f"nothing to do: {layout.root} is complete; use --overwrite to run it again"))
            return finish.exit_code
        if source.is_standard_input:
            raise UsageError(
                f"{layout.root} holds an interrupted run of standard input, which cannot be read again: "
                "choose another --out, or start over with --overwrite"
            )
        if can_resume(prepared, layout):
            verify_records(layout)
            return session.resume(resumed_manifest(earlier, new))
    if removal := announce_removal(options, layout):
        view.note(Note(removal, "warning"))
    clear(layout)
    return session.start(new)


class _Session:
    """A run under way: its manifest, its attempts, and the events that no process of the chain can write."""

    def __init__(
        self, prepared: Prepared, lock: RunLock, view: View, engine: Engine, monitor: Monitor, stop: StopRequest
    ) -> None:
        self.prepared = prepared
        self.layout = lock.layout
        self.view = view
        self._options = prepared.options
        self._lock = lock
        self._engine = engine
        self._monitor = monitor
        self._stop = stop
        self._price = Price(self._options.machine.price_per_hour, self._options.resolved.runs_at_once)
        self._spent = Spent()
        self._began_at = time.monotonic()
        self._hash = threading.Thread(target=self._hash_source, name="sha256", daemon=True)

    def start(self, manifest: Manifest) -> int:
        """Begin a new run."""
        self._begin(manifest)
        if (calibration := self.prepared.calibration) and calibration.is_approximate:
            self.view.note(Note(f"the lens is an {calibration.format}: distances and angles are not exact", "warning"))
        if (sidecar := self.prepared.sidecar) and (warning := sidecar.warning):
            self.view.note(Note(warning, "warning"))
        if self.prepared.decoder.fell_back:
            self.view.note(Note(f"decoding on the CPU, {self.prepared.decoder.reason}", "warning"))
        if isinstance(warm_start := self.prepared.warm_start, WarmStart):
            write_warm_start(self.layout, warm_start.content)
            record = warm_start.record
            self.view.note(Note(f"the detector begins with what it learned from {record.clip}, {record.run}"))
        elif warm_start.reason:
            self.view.note(Note(f"the detector begins with nothing: {warm_start.reason}"))
        self._manifest.write(self.layout.manifest)
        write_annotations(self.layout.annotations, [])
        return self._run(_started(self._manifest, self.prepared))

    def resume(self, manifest: Manifest) -> int:
        """Continue an earlier run."""
        self._begin(manifest)
        windows = rows_in(self.layout.arrays)
        self._spent = spent(self._manifest, newest_checkpoint(self.layout), self._price)
        self._monitor.spent(self._spent.dollars)
        self._manifest.write(self.layout.manifest)
        return self._run(events.RunResumed(run_id=self._manifest.run_id, windows=windows))

    def _begin(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._attempt = begin_attempt(self.layout)

    def _run(self, first: events.Event) -> int:
        self.view.begin(self._manifest.run_id)
        self._hash.start()
        with signals_caught(self._stop):
            try:
                code = self._outcome(self._play(self._append(first)))
            except (EgocleanError, ModelUnavailableError) as error:
                self._record_failure(error)
                raise
            if self._is_hashed(code):
                self._complete(code)
                return code
        self.view.note(Note(f"stopped before run.json was complete: {next_command(self._options, 'complete it')}"))
        return self._stop.code or code

    def _play(self, first: events.Event) -> ExitCode | None:
        """Run the chain; if one of its processes dies, run it again from the last checkpoint, within the budget.

        A chain whose last event is on disk has done all its work: a process that dies after that is not a failure.
        """
        endless = self._options.input.loop or self.prepared.source.is_live
        duration_s = None if endless else self.prepared.stream.declared_s
        restarts = Restarts(self._options.runtime.max_restarts)
        while True:
            self._observer = Observer(self.layout, self.view, self._monitor, duration_s, first.seq)
            chain = ChainRun(
                options=self._options,
                layout=self.layout,
                attempt=self._attempt,
                state=state_to_continue(self.prepared.source, self.layout),
                lock_fd=self._lock.fd,
                stop=self._stop,
                observer=self._observer,
            )
            try:
                return self._engine.run(chain)
            except StageFailedError as error:
                if (finish := finish_of(self.layout.events)) and finish.seq > first.seq:
                    self._observer.show(time.monotonic())
                    return None
                can_continue = restarts.allow(error, reached_s(self.layout)) and can_resume(self.prepared, self.layout)
                if self._stop.signals or not can_continue:
                    raise
                first = self._append(events.StageRestarted(process=error.process, reason=str(error)))
                self._attempt = begin_attempt(self.layout)
            finally:
                self._observer.close()

    def _outcome(self, signalled: ExitCode | None) -> int:
        """The exit code: that of the finished run in the event log, else that of the signal."""
        if finish := finish_of(self.layout.events):
            return finish.exit_code
        if signalled is None:
            raise EgocleanError("the chain has ended, but its event log has no end")
        self._failed(f"stopped by {signalled.name}", signalled)
        resumable = can_resume(self.prepared, self.layout)
        advice = next_command(self._options, "resume") if resumable else "this run cannot be resumed"
        self.view.note(Note(advice))
        return signalled

    def _record_failure(self, error: Exception) -> None:
        """Record how the run ended; if the disk is full, only report that."""
        try:
            self._failed(sentence_of(error), exit_code_of(error))
            self._is_hashed(exit_code_of(error))
            self._complete(exit_code_of(error))
        except OSError as full:
            if exit_code_of(full) != ExitCode.NO_ROOM:
                raise
            self.view.note(Note(f"how the run ended is not recorded: {sentence_of(full)}", "error"))

    def _failed(self, reason: str, code: int) -> None:
        decoded_s = max(self._monitor.decoded_s, latest_s(read_events(self.layout.events)))
        failed = self._append(events.RunFailed(reason=reason, exit_code=code, decoded_s=decoded_s))
        self.view.event(failed)
        self._monitor.on_event(failed)

    def _append(self, event: events.Event) -> events.Event:
        """Write an event while no process of the chain holds the log."""
        with EventLog(self.layout.events) as log:
            return log.append(event)

    def _is_hashed(self, code: int) -> bool:
        """Wait for the source's hash, but not for long after a signal or a failure.

        Returns:
            Whether ``run.json`` can be completed: that of a failed run needs no hash.
        """
        has_failed = code not in (ExitCode.DONE, ExitCode.PARTIAL)
        waited_s = 0.0
        while self._hash.is_alive() and waited_s < HASH_GRACE_S and len(self._stop.signals) < 2:
            self._hash.join(_STEP_S)
            waited_s += _STEP_S if has_failed or self._stop.signals else 0.0
        return has_failed or not self._hash.is_alive()

    def _complete(self, code: int) -> None:
        status, manifest = self._observer.status, self._manifest
        complete(manifest, code, self.prepared, status)
        manifest.usage = {
            **usage(status, self._spent, self._began_at, time.monotonic(), self._price),
            "attempts": self._attempt,
            "windows_encoded": self.layout.encoded.stat().st_size if self.layout.encoded.exists() else 0,
            "latency": (latency := {**latencies(read_events(self.layout.events)), **self._monitor.latencies()}),
        }
        manifest.write(self.layout.manifest)
        if manifest.state == "finished":
            remove_checkpoints(self.layout)
            if (finish := finish_of(self.layout.events)) and not finish.windows:
                reason = no_window_reason(self._options.sampling, finish.frames, finish.decoded_s)
                self.view.note(Note(reason, "warning"))
            if latency and (self.prepared.source.is_live or self._options.input.pace == "realtime"):
                self.view.note(Note(summary_line(latency)))

    def _hash_source(self) -> None:
        self._manifest.source.sha256 = self.prepared.source.sha256()


def _started(manifest: Manifest, prepared: Prepared) -> events.RunStarted:
    calibration = prepared.calibration
    return events.RunStarted(
        run_id=manifest.run_id,
        source=manifest.source.name,
        stem=prepared.source.stem,
        encoder=prepared.options.encoder.name,
        encoder_reason=prepared.options.encoder.reason or "",
        annotator=prepared.options.annotator.name,
        lens=calibration.format if calibration and calibration.is_approximate else "",
    )
