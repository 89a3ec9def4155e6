"""``egoclean-stream demo``: the main job on a rendered clip."""

import sys
from contextlib import nullcontext

from models.encoders.table import WEIGHTLESS
from stream.commands.command import ALL_CODES, command
from stream.commands.option import own_option
from stream.commands.options import Chosen, fork_template, run_options
from stream.commands.values import Real, Whole
from stream.engines.table import run_prepared
from stream.ui.progress import SECONDS, progress
from stream.ui.screen import make_view, standard_console
from stream.ui.text import print_line


@command(
    examples=(("A short demo", "demo --seconds 30"),),
    exit_codes=ALL_CODES,
    never_waits=True,
    before_threads=fork_template,
)
@run_options("output.folder")
@own_option("--seconds", type=Real(10.0, 3600.0), default=75.0, show_default=True, help="Length of the clip.")
@own_option(
    "--seed", type=Whole(0, 2**32 - 1), default=0, show_default=True, help="Seed of the clip's noise and motion."
)
def demo(chosen: Chosen, seconds: float, seed: int) -> None:
    """Run the chain on a rendered demo clip.

    Renders a fisheye clip of a worker at a bench and runs it with an encoder that needs no weights. The clip, its
    intrinsics.json and its truth.json are written to OUT/demo_clip/. Nothing is downloaded. An earlier run of the
    demo is overwritten.
    """
    from stream.demo.render import render_demo
    from stream.run.prepare import prepare

    console, out = standard_console(), chosen.options("-").output.folder
    clip = out / "demo_clip" / "demo.mp4"
    clip.parent.mkdir(parents=True, exist_ok=True)
    print_line(console, f"rendering {seconds:.0f} s of fisheye video to {clip}")
    with progress(console, "rendering", SECONDS, seconds) if console.is_interactive else nullcontext() as job:
        render_demo(clip, seconds=seconds, seed=seed, progress=job.update if job else lambda _: None)
    options = chosen.options(str(clip), {"encoder.name": WEIGHTLESS, "resolved.always_starts_over": True})
    code = run_prepared(prepare(options), make_view(console, clip.stem))
    print_line(console, f"run directory: {out / clip.stem}")
    sys.exit(code)
