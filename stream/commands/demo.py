"""``egoclean-stream demo``: the main job on a clip of our own making."""

import sys
from pathlib import Path

import click
from rich.console import Console

from models.encoders.table import WEIGHTLESS
from stream.config import Options
from stream.run.session import run
from stream.ui.text import print_line
from stream.ui.view import make_view


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    envvar="EGOCLEAN_OUT",
    show_envvar=True,
    help="Where run directories are made.",
)
@click.option("--seconds", type=click.FloatRange(min=10.0), default=75.0, show_default=True, help="Length of the clip.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the clip's noise and motion.")
def demo(out: Path, seconds: float, seed: int) -> None:
    """Run the chain on a clip of our own making.

    A fisheye clip of a worker at a bench is rendered, and runs with an encoder that needs no weights. The clip, its
    intrinsics.json and its truth.json go to OUT/demo_clip/; nothing is fetched.
    """
    from stream.demo.render import render_demo
    from stream.run.prepare import prepare

    console = Console()
    clip = out / "demo_clip" / "demo.mp4"
    clip.parent.mkdir(parents=True, exist_ok=True)
    print_line(console, f"rendering {seconds:.0f} s of fisheye video to {clip}")
    render_demo(clip, seconds=seconds, seed=seed)
    options = Options(source=str(clip), out=out, encoder=WEIGHTLESS, restart=True)
    code = run(prepare(options), make_view(console))
    print_line(console, f"run directory: {out / clip.stem}")
    sys.exit(code)
