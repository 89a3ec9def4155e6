"""One run from its options to its exit code: check everything first, then let the supervisor run the chain."""

import threading
import time
from pathlib import Path

from stream.errors import (
    DamagedError,
    EgocleanError,
    ExitCode,
    ModelUnavailableError,
    StageFailedError,
    UsageError,
    exit_code_of,
    sentence_of,
)
from stream.monitoring.monitor import Monitor
from stream.records.latencies import in_words, latencies
from stream.records.replay import latest_s
from stream.records.schema import events
from stream.records.schema.annotations import write_annotations
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest
from stream.records.store.arrays import cut_back, rows_in
from stream.records.store.attempt import begin_attempt
from stream.records.store.checkpoint import forget_states, newest_state, read_state
from stream.records.store.event_log import EventLog, finish_of, read_events
from stream.records.store.file_system import NETWORK_ADVICE, file_system, is_network
from stream.records.store.run_lock import RunLock, clear, earlier_run
from stream.records.verify import require_whole
from stream.run.overwrite import announce_removal
from stream.run.prepare import Prepared
from stream.run.provenance import begin, complete, go_on
from stream.run.usage import Spent, spent, usage
from stream.runtime.restart_policy import Restarts
from stream.runtime.supervisor import Stopped, Supervisor, signals_caught
from stream.ui.notes import Note
from stream.ui.view import View

_STEP_S = 0.1
HASH_GRACE_S = 1.0
"""A run that is stopped does not wait for the hash of a large source: it has it when it is complete."""


def run(prepared: Prepared, view: View, stopped: Stopped | None = None) -> int:
    """Make a run directory from a prepared source, or go on with the run that lies there.

    Args:
        prepared: What is run.
        view: Where it is shown.
        stopped: Where signals are noted while it lasts, also one that comes too late to stop it.

    Returns:
        The documented exit code.

    Raises:
        UsageError: if the run directory cannot be used, or is damaged.
        StageFailedError: if a process failed; ``run.failed`` is in the records.
    """
    layout = RunLayout(prepared.options.output.folder / prepared.source.stem, prepared.source.stem)
    claim = RunLock(layout)
    try:
        with Monitor(prepared.options, layout) as outside:
            if is_network(kind := file_system(layout.root)):
                view.note(Note(f"{layout.root} lies on {kind}: {NETWORK_ADVICE}", "warning"))
            if outside.address:
                view.note(Note(f"metrics at {outside.address}/metrics"))
            return _begin(prepared, claim, view, outside, stopped or Stopped())
    finally:
        view.close()
        claim.release()


def _begin(prepared: Prepared, claim: RunLock, view: View, outside: Monitor, stopped: Stopped) -> int:
    options, source, layout = prepared.options, prepared.source, claim.layout
    asked = begin(prepared)
    earlier = None if options.output.overwrite else earlier_run(layout, asked, options.identity().keys(), source.sha256)
    if earlier is not None:
        # A run that was killed between its last event and the completion of run.json plays its last second once more.
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
        if _goes_on(prepared, layout):
            require_whole(layout)
            return _Run(prepared, claim, view, outside, go_on(earlier, asked), stopped).resume()
    if options.output.overwrite and (removal := announce_removal(options, layout)):
        view.note(Note(removal, "warning"))
    clear(layout)
    return _Run(prepared, claim, view, outside, asked, stopped).start()


def _goes_on(prepared: Prepared, layout: RunLayout) -> bool:
    """Whether a run that has begun can go on. A soak has no end to reach; a camera's needs a state to go on from."""
    source = prepared.source
    if not source.plays_again:
        return source.is_camera and newest_state(layout) is not None
    return not prepared.options.input.loop


class _Run:
    """A run under way: its manifest, and the events that no process of the chain can write."""

    def __init__(
        self,
        prepared: Prepared,
        claim: RunLock,
        view: View,
        outside: Monitor,
        manifest: Manifest,
        stopped: Stopped,
    ) -> None:
        self._prepared = prepared
        self._options = prepared.options
        self._claim = claim
        self._layout = layout = claim.layout
        self._view = view
        self._outside = outside
        self._manifest = manifest
        self._stopped = stopped
        self._attempt = begin_attempt(layout)
        self._spent = Spent()
        self._began_at = time.monotonic()
        self._hash = threading.Thread(target=self._hash_source, name="sha256", daemon=True)

    def start(self) -> int:
        if (sidecar := self._prepared.sidecar) and (complaint := sidecar.complaint):
            self._view.note(Note(complaint, "warning"))
        if self._prepared.decoder.fell_back:
            self._view.note(Note(f"decoding on the CPU, {self._prepared.decoder.reason}", "warning"))
        self._manifest.write(self._layout.manifest)
        write_annotations(self._layout.annotations, [])
        return self._run(_started(self._manifest, self._prepared))

    def resume(self) -> int:
        windows = rows_in(self._layout.arrays)
        self._spent = spent(self._manifest, newest_state(self._layout), self._options.machine.price_per_hour)
        self._outside.spent(self._spent.dollars)
        self._manifest.write(self._layout.manifest)
        return self._run(events.RunResumed(run_id=self._manifest.run_id, windows=windows))

    def _run(self, first: events.Event) -> int:
        self._view.begin(self._manifest.run_id)
        self._hash.start()
        with signals_caught(self._stopped):
            try:
                code = self._outcome(self._play(self._stopped, self._append(first)))
            except (EgocleanError, ModelUnavailableError) as error:
                self._record_failure(error)
                raise
            if self._is_hashed(code):
                self._complete(code)
                return code
        self._view.note(Note("stopped before run.json was complete: the same command completes it"))
        return self._stopped.code or code

    def _play(self, stopped: Stopped, first: events.Event) -> ExitCode | None:
        """Run the chain; when one of its processes has died, run it again and go on, within the budget."""
        endless = self._options.input.loop or self._prepared.source.is_live
        duration_s = None if endless else self._prepared.stream.declared_s
        restarts = Restarts(self._options.runtime.max_restarts)
        while True:
            self._supervisor = Supervisor(
                self._options, self._layout, self._view, self._outside, duration_s, self._claim.fd
            )
            try:
                return self._supervisor.run(stopped, self._attempt, self._state(), since=first.seq)
            except StageFailedError as error:
                can_go_on = restarts.allow(error, self._reached_s()) and _goes_on(self._prepared, self._layout)
                if stopped.signals or not can_go_on:
                    raise
                first = self._append(events.StageRestarted(process=error.process, reason=str(error)))
                self._attempt = begin_attempt(self._layout)

    def _reached_s(self) -> float:
        """Stream time of the newest state."""
        state = newest_state(self._layout)
        return read_state(state).t_s if state else 0.0

    def _state(self) -> Path | None:
        """The state to go on from; None: from the clip's start, also where windows that a state knows are missing.

        Of a camera, windows behind the state are not found again: their rows make room.

        Raises:
            DamagedError: of a camera, windows are missing: they cannot be had again.
        """
        state = newest_state(self._layout)
        if state is None:
            return None
        saved, source = read_state(state), self._prepared.source
        is_camera = source.is_camera
        arrays = self._layout.arrays
        windows = saved.totals.windows
        rows = cut_back(arrays, windows, saved.totals.row_shapes) if is_camera else rows_in(arrays)
        if rows >= windows:
            return state
        if is_camera:
            raise DamagedError(self._layout.root, f"its arrays hold {rows} of {windows} windows")
        forget_states(self._layout)
        return None

    def _outcome(self, signalled: ExitCode | None) -> int:
        """The exit code: what the record says of a finished run, else what the signal asks for."""
        if finish := finish_of(self._layout.events):
            return finish.exit_code
        if signalled is None:
            raise EgocleanError("every process of the chain has ended, but the record has no end")
        reason = f"stopped by {'SIGINT' if signalled == ExitCode.SIGINT else 'SIGTERM'}"
        self._failed(reason, signalled)
        self._view.note(Note("the same command goes on where it was"))
        return signalled

    def _record_failure(self, error: Exception) -> None:
        """Say in the records how the run ended; on a full disk they end where they are."""
        try:
            self._failed(sentence_of(error), exit_code_of(error))
            self._is_hashed(exit_code_of(error))
            self._complete(exit_code_of(error))
        except OSError as full:
            if exit_code_of(full) != ExitCode.NO_ROOM:
                raise
            self._view.note(Note(f"the records do not say how the run ended: {sentence_of(full)}", "error"))

    def _failed(self, reason: str, code: int) -> None:
        decoded_s = max(self._outside.decoded_s, latest_s(read_events(self._layout.events)))
        failed = self._append(events.RunFailed(reason=reason, exit_code=code, decoded_s=decoded_s))
        self._view.event(failed)
        self._outside.on_event(failed)

    def _append(self, event: events.Event) -> events.Event:
        """Write an event while no process of the chain holds the log."""
        with EventLog(self._layout.events) as log:
            return log.append(event)

    def _is_hashed(self, code: int) -> bool:
        """Wait for the source's hash, but no signal, and no run that has failed, waits for long.

        Returns:
            Whether ``run.json`` can be completed: one that has failed does without.
        """
        has_failed = code not in (ExitCode.DONE, ExitCode.PARTIAL)
        waited_s = 0.0
        while self._hash.is_alive() and waited_s < HASH_GRACE_S and len(self._stopped.signals) < 2:
            self._hash.join(_STEP_S)
            waited_s += _STEP_S if has_failed or self._stopped.signals else 0.0
        return has_failed or not self._hash.is_alive()

    def _complete(self, code: int) -> None:
        board, manifest = self._supervisor.board, self._manifest
        complete(manifest, code, self._prepared, board)
        manifest.usage = {
            **usage(board, self._spent, self._began_at, time.monotonic(), self._options.machine.price_per_hour),
            "attempts": self._attempt,
            "windows_encoded": self._layout.encoded.stat().st_size if self._layout.encoded.exists() else 0,
            "latency": (latency := {**latencies(read_events(self._layout.events)), **self._outside.latencies()}),
        }
        manifest.write(self._layout.manifest)
        if manifest.state == "finished":
            forget_states(self._layout)
            if latency:
                self._view.note(Note(in_words(latency)))

    def _hash_source(self) -> None:
        self._manifest.source.sha256 = self._prepared.source.sha256()


def _started(manifest: Manifest, prepared: Prepared) -> events.RunStarted:
    return events.RunStarted(
        run_id=manifest.run_id,
        source=manifest.source.name,
        stem=prepared.source.stem,
        encoder=prepared.options.encoder.name,
        annotator=prepared.options.annotator.name,
    )
