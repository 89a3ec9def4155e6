"""A process that runs one clip of a batch after another: ``python -m stream.engines.clip_process``.

Standard input is its control line (``stream.runtime.control_line``). It brings a ``ClipConfig`` for each clip, with the
pipe that standard output becomes while the clip is run: its end tells the parent that the clip has ended. If the line
closes, the parent is gone, and the run under way drains as after SIGTERM. The chain's processes and models stay.
"""

import os
import signal
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from stream.config import Options
from stream.engines.batch import Outcome, attempt
from stream.engines.clip import ClipRunner
from stream.runtime.control_line import Assignment, ControlListener
from stream.runtime.exit import exit_quickly, libav_threads_abandoned
from stream.runtime.signals import exit_at_signal, heeded_signals
from stream.runtime.worker_template import fork_template
from stream.sources.address import ClipSpec, Unopened
from stream.sources.network import network
from stream.ui import standard_streams
from stream.ui.notes import forwarded_notes
from stream.ui.view import JsonView, View
from stream.ui.view_pipe import PipeView

OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


class ClipConfig(BaseModel):
    """The clip, its options, and the file for its outcome."""

    clip: str
    unopened: Unopened | None
    options: Options
    outcome: Path


def _run(assignment: Assignment, runner: ClipRunner | None) -> ClipRunner:
    """Run a clip; what it prints goes to the pipe that came with it. Makes the runner for the first one."""
    [output] = assignment.descriptors
    standard_streams.redirect_output(output)
    os.close(output)
    config = ClipConfig.model_validate_json(assignment.content)
    clip, options = ClipSpec(config.clip, unopened=config.unopened), config.options
    runner = runner or ClipRunner(options)
    view: View = JsonView() if options.output.log_format == "json" else PipeView()
    with forwarded_notes(view.note), network(offline=options.runtime.offline):
        outcome = attempt(clip, lambda spec: runner.run(spec, options, lambda _name: view))
    config.outcome.write_bytes(OUTCOME.dump_json(outcome))
    standard_streams.redirect_output(None)
    return runner


def main() -> None:
    """Entry point of the process, which ends by a signal: its parent's, or its own when its parent is gone."""
    exit_quickly()
    for number in heeded_signals():
        signal.signal(number, exit_at_signal)
    standard_streams.install()
    fork_template()
    standard_streams.never_wait()
    control = ControlListener(lambda: os.kill(os.getpid(), signal.SIGTERM))
    control.start()
    runner: ClipRunner | None = None
    with libav_threads_abandoned():
        try:
            while (assignment := control.next_assignment()) is not None:
                runner = _run(assignment, runner)
        finally:
            if runner is not None:
                runner.close()
            standard_streams.finish()


if __name__ == "__main__":
    main()
