"""The main job for one clip, from its options to its outcome."""

from collections.abc import Callable
from dataclasses import replace

from stream.config import Options
from stream.engines.batch import Outcome
from stream.engines.table import ENGINES, run_prepared
from stream.records.counts import counts_of
from stream.records.run_annotations import default_events
from stream.records.schema.annotations import action_count
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import finish_of, read_events
from stream.run.overwrite import next_command, with_consent
from stream.run.prepare import Prepared, prepare
from stream.run.resumption import can_resume
from stream.runtime.chain_run import Engine
from stream.runtime.signals import StopRequest
from stream.ui.text import describe
from stream.ui.view import View


class ClipRunner:
    """Runs clips one after the other, with the same processes and the same loaded models."""

    def __init__(self, options: Options) -> None:
        """``options`` name the engine."""
        self._engine = ENGINES[options.runtime.engine]()
        self._vram_budget_gib: float | None = None
        """Set by the first clip that uses the GPU: later on, less of it is free, since models stay loaded."""

    def run(self, clip: str, options: Options, view: Callable[[str], View]) -> Outcome:
        """Run the chain on one clip, or resume its run; ``view`` makes a view of a run from its name.

        Raises:
            EgocleanError: as ``prepare`` and ``run_prepared``.
        """
        if self._vram_budget_gib is not None:
            options = options.replace({"machine.vram_budget_gib": self._vram_budget_gib})
        prepared = prepare(options.model_copy(update={"source": clip}))
        self._vram_budget_gib = prepared.options.machine.vram_budget_gib
        return _run(clip, prepared, view, self._engine)

    def close(self) -> None:
        """End the processes and release the models."""
        self._engine.close()


def _run(clip: str, prepared: Prepared, view: Callable[[str], View], engine: Engine) -> Outcome:
    run_dir = prepared.options.output.folder / prepared.source.stem
    layout = RunLayout(run_dir, prepared.source.stem)
    options = with_consent(prepared.options, layout)
    prepared = replace(prepared, options=options)
    stop = StopRequest()
    code = run_prepared(prepared, view(prepared.source.stem), stop, engine)
    finish, default = finish_of(layout.events), default_events(read_events(layout.events))
    counts = counts_of(default, action_count(layout.annotations))
    if finish is None:
        advice = next_command(options, "resume") if can_resume(prepared, layout) else "it cannot be resumed"
        return Outcome(clip, code, f"stopped: {advice}", counts.decoded_s, run_dir, counts)
    return Outcome(clip, code, describe(finish) or "", finish.decoded_s, run_dir, counts, stop.code)
