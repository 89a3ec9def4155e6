"""``egoclean-stream run CLIP...``: the main job, for one clip or for several."""

import sys
from contextlib import closing
from functools import partial
from typing import Final

import click

from stream.commands.command import ALL_CODES, command
from stream.commands.options import Chosen, fork_template, run_options
from stream.commands.values import ClipName
from stream.errors import UsageError

EXAMPLES: Final = (
    ("Segment a clip; results appear in runs/clip/ while it plays", "run clip.mp4"),
    (
        "Describe the segments, too, with a model on this machine",
        'run clip.mp4 --annotator qwen --task "folding boxes"',
    ),
    ("Follow a camera for an hour", "run rtsp://camera/stream --intrinsics lens.json\n--duration-s 3600"),
    ("Run a folder of clips, four at a time", "run clips/ --jobs 4 --out /data/runs"),
    ("Keep the options in a file", "run --show-config > run.toml"),
    ("and use them", "run other.mp4 --config run.toml"),
)


@command(examples=EXAMPLES, exit_codes=ALL_CODES, never_waits=True, before_threads=fork_template)
@click.argument("sources", metavar="CLIP...", nargs=-1, type=ClipName())
@run_options(
    "lens", "encoder", "window", "annotator", "keyframes", "detector", "input", "live", "output", "clips", "runtime",
    "machine", "monitoring",
)  # fmt: skip
def run(chosen: Chosen, sources: tuple[str, ...]) -> None:
    """Turn each fisheye CLIP into live segments.

    A CLIP is a video file or shard.tar::member.mp4, local or remote (hf://datasets/OWNER/NAME/PATH, s3://,
    gs://, https://), or a live source: rtsp://, http://, /dev/video0, or - for standard input. A tar, a folder, a
    quoted pattern and @list.txt (one CLIP per line) stand for all their clips.

    Results appear in OUT/<clip>/ while the clip plays; follow them with `egoclean-stream tail`. Run the same command
    again to resume a run that was stopped. Of several clips, a failing one does not stop the others, finished ones
    are skipped, the results of each are written to OUT/series.json, and the exit code is the most severe one.

    Every option but --overwrite and --yes may also be set by an environment variable, EGOCLEAN_<OPTION>
    (EGOCLEAN_ENCODER_MODEL for --encoder-model), or in a TOML file (--config). The command line wins over the
    environment, and that over the file. Names end in their unit: _s and -s are seconds.
    """
    from stream.engines.batch import run_clips
    from stream.engines.earlier_runs import RunInTurn
    from stream.engines.pool import run_concurrently
    from stream.sources.discover import list_clips
    from stream.ui.notes import forward_notes
    from stream.ui.screen import JsonScreen, make_screen, standard_console
    from stream.ui.view import JsonView

    if not sources:
        raise UsageError(f"CLIP... is missing: `{click.get_current_context().command_path} --help` describes it")
    options = chosen.options(sources[0])
    is_json, download = options.output.log_format == "json", options.input.cache_source
    jobs, fail_fast = options.clips.jobs, options.clips.fail_fast
    if is_json:
        forward_notes(JsonView().note)
    if options.input.loop and len(list_clips(sources, download=download).clips) > 1:
        raise UsageError("--loop replays a single clip, and several are named: name one")
    with (
        JsonScreen() if is_json else make_screen(standard_console()) as screen,
        closing(RunInTurn(options, screen.view)) as run_in_turn,
    ):
        together = partial(run_concurrently, options=options, jobs=jobs, screen=screen, fail_fast=fail_fast)
        code = run_clips(
            sources,
            run_in_turn,
            screen.line,
            download=download,
            fail_fast=fail_fast,
            record=options.output.folder / "series.json",
            run_concurrently=together if jobs > 1 else None,
            show_progress=screen.series,
            overwrite=options.output.overwrite,
            names_results=not is_json,
        )
    sys.exit(code)
