"""``egoclean-stream run CLIP``: the main job."""

import sys
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console

from stream.config import Options
from stream.detection.options import DetectorOptions
from stream.errors import UsageError

_FILE = click.Path(path_type=Path)


@click.command(
    epilog="Exit codes: 0 done, 2 usage, 3 input, 4 done but damaged, 5 model missing, 6 no room, 130/143 stopped."
)
@click.argument("source", metavar="CLIP")
@click.option("--intrinsics", type=_FILE, help="Calibration.  [default: intrinsics.json beside the clip or its tar]")
@click.option("--rectify/--no-rectify", default=True, show_default=True, help="Undo the fisheye lens.")
@click.option("--balance", type=float, help="0 keeps only what was seen everywhere, 1 the whole field of view.")
@click.option("--fov-scale", type=float, help="Above 1 widens the rectified view.")
@click.option("--out", type=_FILE, help="Where run directories are made.")
@click.option(
    "--encoder",
    type=click.Choice(["auto", "vjepa2", "grid"]),
    envvar="EGOCLEAN_ENCODER",
    show_envvar=True,
    help="What embeds the windows; auto takes vjepa2 or stops.",
)
@click.option("--encoder-model", metavar="NAME_OR_PATH", help="Hub name or local folder of the encoder's weights.")
@click.option("--annotator", type=click.Choice(["none"]), help="What describes the segments.")
@click.option("--keyframe-fps", type=float, help="Keyframes kept for the annotator, a second.")
@click.option("--keyframe-px", type=int, help="Longest side of a keyframe.")
@click.option("--spool-mib", type=int, help="Bound on the keyframes on disk; the oldest go first.")
@click.option("--stride-s", type=float, help="From one window's start to the next.")
@click.option("--loop", is_flag=True, default=None, help="Replay the clip for ever.")
@click.option("--speed", type=click.Choice(["realtime", "max"]), help="Play as a camera would, or as fast as possible.")
@click.option("--queue-mib", type=int, help="Bound on what waits between two processes.")
@click.option("--price-per-hour", type=float, help="Of this machine, dollars, for the record.")
@click.option("--restart", is_flag=True, default=None, help="Begin anew where an earlier run lies.")
def run(**given: Any) -> None:  # noqa: ANN401 - click's values, validated by Options
    """Turn a fisheye CLIP into live segments: a video file, or shard.tar::member.mp4.

    Results appear in OUT/<clip>/ while the clip plays; `egoclean-stream tail` follows them from elsewhere.
    """
    from stream.prepare import prepare
    from stream.runner import run as run_chain
    from stream.view import make_view

    prepared = prepare(make_options(DetectorOptions(), given))
    sys.exit(run_chain(prepared, make_view(Console())))


def make_options(detector: DetectorOptions, given: dict[str, Any]) -> Options:
    """Options from what was said on the command line; what was not said has its default.

    Raises:
        UsageError: naming the first option that is out of range.
    """
    said = {name: value for name, value in given.items() if value is not None}
    try:
        return Options(detector=detector, **said)
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + str(first["loc"][0]).replace("_", "-")
        raise UsageError(f"{name} {first['input']}: {first['msg'].lower()}") from error
