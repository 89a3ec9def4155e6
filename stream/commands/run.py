"""``egoclean-stream run CLIP...``: the main job, for one clip or for several in turn."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from models.encoders.table import AUTO, encoder_names
from stream.commands.annotator_options import annotator_options
from stream.commands.detector_options import detector_options
from stream.commands.encoder_options import encoder_options
from stream.commands.lens_options import lens_options
from stream.commands.live_options import live_options
from stream.commands.option import option
from stream.commands.source_options import download_option
from stream.config import Options, validated
from stream.detection.options import DetectorOptions
from stream.errors import UsageError
from stream.sources.live.options import LiveOptions

FILE = click.Path(path_type=Path)


@click.command(
    epilog="Exit codes: 0 done, 2 usage, 3 input, 4 done but damaged, 5 model missing, 6 no room, 130/143 stopped."
)
@click.argument("sources", metavar="CLIP...", nargs=-1, required=True)
@lens_options
@click.option("--rectify/--no-rectify", default=True, show_default=True, help="Undo the fisheye lens.")
@option("--out", type=FILE, envvar="EGOCLEAN_OUT", show_envvar=True, help="Where run directories are made.")
@option("--decoder", type=click.Choice(["auto", "cpu", "nvdec"]), help="What decodes; auto: the GPU's where it can.")
@option(
    "--encoder",
    type=click.Choice(encoder_names()),
    envvar="EGOCLEAN_ENCODER",
    show_envvar=True,
    help=f"The encoder of the windows; auto is {AUTO}, and the run stops if it is not available.",
)
@option(
    "--encoder-model",
    metavar="NAME_OR_PATH",
    help="Hub name, also NAME@REVISION, or local folder of the encoder's weights.",
)
@annotator_options
@option("--offline", is_flag=True, help="Fetch nothing: the weights are here, or the run ends with 5.")
@encoder_options
@download_option
@option("--keyframe-fps", type=float, help="Keyframes kept for the annotator, a second.")
@option("--keyframe-px", type=int, help="Longest side of a keyframe.")
@option("--spool-mib", type=int, help="Bound on the keyframes on disk.")
@option(
    "--spool-policy",
    type=click.Choice(["block", "skip"]),
    help="When it is full: wait for the annotator, or leave segments out.  [default: skip for a camera, else block]",
)
@option("--loop", is_flag=True, help="Replay the clip for ever.")
@option("--speed", type=click.Choice(["realtime", "max"]), help="Play as a camera would, or as fast as possible.")
@option(
    "--restarts",
    type=int,
    help="How often a process may die before the run has come further; the annotator, as often of its own.",
)
@option("--hang-s", type=float, help="A process that is silent for so long is ended, and started again.")
@option("--queue-mib", type=int, help="Bound on what waits between two processes.")
@option("--price-per-hour", type=float, help="Of this machine, dollars, for the record.")
@option(
    "--vram-budget-gib", type=float, help="GPU memory for all models together.  [default: what is free, less 1 GiB]"
)
@option("--restart/--resume", help="Begin anew where an earlier run lies, or go on with it.")
@option("--log-format", type=click.Choice(["text", "json"]), help="Lines for people, or JSON.")
@option("--stall-s", type=float, help="A run that stands still for so long is unhealthy.")
@option("--metrics-port", type=int, help="Serve /metrics and /healthz there; 0: any free port.  [default: off]")
@option("--metrics-host", help="The address to serve them on.")
@click.option("--fail-fast", is_flag=True, help="Of several clips, stop at the first that cannot be done.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="How many clips are run at once.")
@live_options
@detector_options
def run(  # click's values: Options validates them
    detector: DetectorOptions,
    live: LiveOptions,
    sources: tuple[str, ...],
    fail_fast: bool,
    jobs: int,
    **given: Any,  # noqa: ANN401 - as above
) -> None:
    """Turn each fisheye CLIP into live segments.

    A CLIP is a video file, or shard.tar::member.mp4, here or on the hub (hf://datasets/OWNER/NAME/PATH), or a live
    source: rtsp://, http://, /dev/video0, or - for standard input. Results appear in OUT/<clip>/ while the clip plays;
    `egoclean-stream tail` follows them from elsewhere. A whole tar, a folder with clips or tars, a quoted pattern, and
    @list.txt (a CLIP on each line) stand for all their clips, --jobs at a time: a bad one does not stop the rest,
    finished ones are not repeated, one that was stopped goes on, and the gravest exit code is the command's.
    OUT/series.json says what became of each so far.
    """
    from stream.engines.batch import run_named
    from stream.engines.jobs.clip import run_clip
    from stream.engines.jobs.pool import at_once
    from stream.sources.discover import list_clips
    from stream.ui.notes import forward_notes
    from stream.ui.text import print_line
    from stream.ui.view import JsonView

    options = make_options(detector, {"source": sources[0], "live": live, **given})
    if options.log_format == "json":
        forward_notes(JsonView().note)
    if options.loop and len(list_clips(sources, download=options.download)) > 1:
        raise UsageError("--loop replays one clip for ever, and several are named: name one")
    to_user = say_json if options.log_format == "json" else partial(print_line, Console())
    job, record = partial(run_clip, options=options), options.out / "series.json"
    together = partial(at_once, options=options, jobs=jobs, say=to_user, fail_fast=fail_fast) if jobs > 1 else None
    sys.exit(
        run_named(
            sources, job, to_user, download=options.download, fail_fast=fail_fast, record=record, at_once=together
        )
    )


def say_json(line: str) -> None:
    """Say what is of no single run."""
    from stream.ui.notes import Note
    from stream.ui.view import JsonView

    JsonView().note(Note(line))


def make_options(detector: DetectorOptions, given: dict[str, Any]) -> Options:
    """Options from the command line.

    Raises:
        UsageError: naming the first option that is out of range.
    """
    return validated({"detector": detector, **given})
