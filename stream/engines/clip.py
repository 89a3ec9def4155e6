"""The main job for one clip, from its options to its outcome."""

from dataclasses import replace

from rich.console import Console

from stream.config import Options
from stream.engines.batch import Outcome
from stream.engines.table import run_prepared
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import finish_of
from stream.run.overwrite import next_command, with_consent
from stream.run.prepare import prepare
from stream.run.resumption import can_resume
from stream.runtime.signals import StopRequest
from stream.ui.notes import forward_notes
from stream.ui.text import describe
from stream.ui.view import JsonView, make_view


def run_clip(clip: str, options: Options) -> Outcome:
    """Run the chain on one clip, or resume its run.

    Raises:
        EgocleanError: as ``prepare`` and ``run_prepared``.
    """
    json_view = JsonView() if options.output.log_format == "json" else None
    if json_view:
        forward_notes(json_view.note)
    prepared = prepare(options.model_copy(update={"source": clip}))
    run_dir = options.output.folder / prepared.source.stem
    layout = RunLayout(run_dir, prepared.source.stem)
    options = with_consent(prepared.options, layout)
    prepared = replace(prepared, options=options)
    stop = StopRequest()
    code = run_prepared(prepared, json_view or make_view(Console()), stop)
    finish = finish_of(layout.events)
    if finish is None:
        advice = next_command(options, "resume") if can_resume(prepared, layout) else "it cannot be resumed"
        return Outcome(clip, code, f"stopped: {advice}", run_dir=run_dir)
    return Outcome(clip, code, describe(finish) or "", finish.decoded_s, run_dir, stop.code)
