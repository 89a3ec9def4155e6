"""One run from its options to its exit code: check everything first, then let the supervisor run the chain."""

import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from stream.chain import ANNOTATE
from stream.errors import EgocleanError, ExitCode, StageFailedError, UsageError, exit_code_of, sentence_of
from stream.file_system import NETWORK_ADVICE, file_system, is_network
from stream.notes import Note
from stream.outside.outside import Outside
from stream.prepare import Prepared
from stream.records import events
from stream.records.annotations import write_annotations
from stream.records.arrays import rows_in, shorten
from stream.records.attempt import begin_attempt
from stream.records.claim import Claim, clear, earlier_run
from stream.records.latencies import in_words, latencies
from stream.records.layout import RunLayout
from stream.records.log import EventLog, finish_of, read_events
from stream.records.manifest import Manifest, Source, digest_of, machine, packages
from stream.records.saved import forget_states, newest_state, read_state
from stream.records.schema import hashes as schema_hashes
from stream.status import Board
from stream.supervisor import Stopped, Supervisor, signals_caught
from stream.usage import usage
from stream.video.live.source import LiveSource
from stream.view import View

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
        UsageError: if the run directory cannot be used.
        StageFailedError: if a process failed; ``run.failed`` is in the records.
    """
    layout = RunLayout(prepared.options.out / prepared.source.stem, prepared.source.stem)
    claim = Claim(layout)
    try:
        with Outside(prepared.options, layout) as outside:
            if is_network(kind := file_system(layout.root)):
                view.note(Note(f"{layout.root} lies on {kind}: {NETWORK_ADVICE}", "warning"))
            if outside.address:
                view.note(Note(f"metrics at {outside.address}/metrics"))
            return _begin(prepared, layout, view, outside, stopped or Stopped())
    finally:
        view.close()
        claim.release()


def _begin(prepared: Prepared, layout: RunLayout, view: View, outside: Outside, stopped: Stopped) -> int:
    options, source = prepared.options, prepared.source
    earlier = None if options.restart else earlier_run(layout, options.deciding(), source.size_bytes)
    if earlier is not None:
        # A run that was killed between its last event and the completion of run.json plays its last second once more.
        is_complete = earlier.state == "finished" or isinstance(source, LiveSource)
        if is_complete and (finish := finish_of(layout.events)):
            view.begin(earlier.run_id)
            view.event(finish)
            view.note(Note(f"nothing to do: {layout.root} holds this run, --restart begins it anew"))
            return finish.exit_code
        if isinstance(source, LiveSource) and source.kind == "pipe":
            raise UsageError(
                f"{layout.root} holds a run of standard input that ended early, and what it gave is gone: "
                "give another --out, or begin anew with --restart"
            )
        if _goes_on(prepared, layout):
            return _Run(prepared, layout, view, outside, earlier, stopped).resume()
    clear(layout)
    return _Run(prepared, layout, view, outside, _manifest(prepared), stopped).start()


def _goes_on(prepared: Prepared, layout: RunLayout) -> bool:
    """Whether a run that has begun can go on. A soak has no end to reach; a camera's needs a state to go on from."""
    source = prepared.source
    if isinstance(source, LiveSource) and not source.plays_again:
        return source.is_camera and newest_state(layout) is not None
    return not prepared.options.loop


class _Run:
    """A run under way: its manifest, and the events that no process of the chain can write."""

    def __init__(
        self,
        prepared: Prepared,
        layout: RunLayout,
        view: View,
        outside: Outside,
        manifest: Manifest,
        stopped: Stopped,
    ) -> None:
        self._prepared = prepared
        self._options = prepared.options
        self._layout = layout
        self._view = view
        self._outside = outside
        self._manifest = manifest
        self._stopped = stopped
        self._attempt = begin_attempt(layout)
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
        manifest = self._manifest
        manifest.state, manifest.ended, manifest.exit_code = "running", None, None
        manifest.write(self._layout.manifest)
        return self._run(events.RunResumed(run_id=manifest.run_id, windows=rows_in(self._layout.arrays)))

    def _run(self, first: events.Event) -> int:
        self._view.begin(self._manifest.run_id)
        self._hash.start()
        with signals_caught(self._stopped):
            try:
                code = self._outcome(self._play(self._stopped, self._append(first)))
            except EgocleanError as error:
                self._record_failure(error)
                raise
            self._complete(code)
        return code

    def _play(self, stopped: Stopped, first: events.Event) -> ExitCode | None:
        """Run the chain; when one of its processes has died, run it again and go on, within the budget."""
        endless = self._options.loop or isinstance(self._prepared.source, LiveSource)
        duration_s = None if endless else self._prepared.stream.declared_s
        for restarts_left in range(self._options.restarts, -1, -1):
            self._supervisor = Supervisor(self._options, self._layout, self._view, self._outside, duration_s)
            try:
                return self._supervisor.run(stopped, self._attempt, self._state(), since=first.seq)
            except StageFailedError as error:
                can_go_on = error.transient and restarts_left and _goes_on(self._prepared, self._layout)
                if stopped.signals or not can_go_on:
                    raise
                first = self._append(events.StageRestarted(process=error.process, reason=str(error)))
                self._attempt = begin_attempt(self._layout)
        raise EgocleanError(f"--restarts {self._options.restarts} leaves no attempt")

    def _state(self) -> Path | None:
        """The state to go on from. Of a camera, windows behind it are not found again: their rows make room."""
        state = newest_state(self._layout)
        if state is not None and isinstance(self._prepared.source, LiveSource) and self._prepared.source.is_camera:
            for path in self._layout.arrays:
                shorten(path, read_state(state).windows)
        return state

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

    def _record_failure(self, error: EgocleanError) -> None:
        """Say in the records how the run ended; on a full disk they end where they are."""
        try:
            self._failed(sentence_of(error), exit_code_of(error))
            self._complete(exit_code_of(error))
        except OSError as full:
            if exit_code_of(full) != ExitCode.NO_ROOM:
                raise
            self._view.note(Note(f"the records do not say how the run ended: {sentence_of(full)}", "error"))

    def _failed(self, reason: str, code: int) -> None:
        ends = [event.t_end_s for event in read_events(self._layout.events) if isinstance(event, events.SegmentClosed)]
        failed = self._append(events.RunFailed(reason=reason, exit_code=code, decoded_s=max(ends, default=0.0)))
        self._view.event(failed)
        self._outside.on_event(failed)

    def _append(self, event: events.Event) -> events.Event:
        """Write an event while no process of the chain holds the log."""
        with EventLog(self._layout.events) as log:
            return log.append(event)

    def _complete(self, code: int) -> None:
        self._hash.join(None if code in (ExitCode.DONE, ExitCode.PARTIAL) else HASH_GRACE_S)
        board = self._supervisor.board
        manifest = self._manifest
        manifest.state = "finished" if code in (ExitCode.DONE, ExitCode.PARTIAL) else "failed"
        manifest.ended = _now()
        manifest.exit_code = code
        manifest.rectification = board.facts.get("ingest", {}).get("rectification", {})
        manifest.windows = board.facts.get("encode", {}).get("windows", {})
        manifest.encoder = board.facts.get("encode", {}).get("encoder", {})
        manifest.source.fetched_bytes = _fetched_bytes(self._prepared, board)
        manifest.annotator = {
            **board.facts.get(ANNOTATE, {}).get("annotator", {}),
            **board.facts.get("record", {}).get("annotator", {}),
        }
        manifest.usage = {
            **usage(board, self._began_at, time.monotonic(), self._options.price_per_hour),
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _manifest(prepared: Prepared) -> Manifest:
    """What is known before the first frame is decoded."""
    options = prepared.options.recorded()
    source = prepared.source
    return Manifest(
        run_id=digest_of([source.name, source.size_bytes, options, _now()])[:16],
        state="running",
        started=_now(),
        source=Source(
            name=source.name,
            size_bytes=source.size_bytes,
            origin=source.origin(),
            stream=asdict(prepared.stream),
            sidecar=asdict(prepared.sidecar) if prepared.sidecar else None,
        ),
        intrinsics=prepared.intrinsics,
        decoder=asdict(prepared.decoder),
        options=options,
        schemas=schema_hashes(),
        packages=packages(),
        machine=machine(),
    )


def _started(manifest: Manifest, prepared: Prepared) -> events.RunStarted:
    return events.RunStarted(
        run_id=manifest.run_id,
        source=manifest.source.name,
        stem=prepared.source.stem,
        encoder=prepared.options.encoder,
        annotator=prepared.options.annotator,
    )


def _fetched_bytes(prepared: Prepared, board: Board) -> int | None:
    """By this process, which looked at the clip, and by the one that read it."""
    looking = prepared.source.fetched_bytes
    return None if looking is None else looking + (board.facts.get("ingest", {}).get("fetched_bytes") or 0)
