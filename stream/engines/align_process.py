"""A process that aligns one episode after another: ``python -m stream.engines.align_process``.

Standard input is its control line (``stream.runtime.control_line``), which brings an ``AlignJob`` for each episode. It
answers with the outcome as one line of JSON. If the line closes, it ends as after SIGTERM.
"""

import os
import signal
import sys
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from stream.alignment.models import AlignModels
from stream.alignment.options import AlignOptions
from stream.engines.align_episode import EpisodeOutcome, align_episode_at, outcome_of
from stream.run.align_models import load_models
from stream.run.align_source import EpisodePlace
from stream.runtime.control_line import ControlListener
from stream.runtime.exit import exit_quickly, libav_threads_abandoned
from stream.runtime.signals import exit_at_signal, heeded_signals
from stream.ui.notes import print_traceback


class AlignJob(BaseModel):
    """One episode and the options."""

    path: Path
    kind: Literal["hdf5", "video", "run"]
    options: AlignOptions


@cache
def _models(options: AlignOptions) -> AlignModels:
    """Those of this process: all its episodes have the same options."""
    return load_models(options)


def _outcome(job: AlignJob) -> EpisodeOutcome:
    place, options = EpisodePlace(job.path, job.kind), job.options
    try:
        return align_episode_at(place, options, _models(options), lambda _done, _of: None)
    except Exception as error:  # noqa: BLE001 - an error in one episode must not affect the next one
        print_traceback(error)
        return outcome_of(error)


def main() -> None:
    """Entry point of the process."""
    import cv2

    exit_quickly()
    cv2.setNumThreads(1)  # episodes are aligned side by side, not each by many threads
    for number in heeded_signals():
        signal.signal(number, exit_at_signal)
    control = ControlListener(lambda: os.kill(os.getpid(), signal.SIGTERM))
    control.start()
    with libav_threads_abandoned():
        while (assignment := control.next_assignment()) is not None:
            outcome = _outcome(AlignJob.model_validate_json(assignment.content))
            sys.stdout.write(outcome.model_dump_json() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
