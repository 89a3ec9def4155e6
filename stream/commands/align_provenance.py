"""``egoclean-stream align provenance FRAME``: where one frame of an aligned episode comes from."""

import json

import click

from stream.commands.command import command
from stream.commands.option import own_option
from stream.errors import ExitCode
from stream.ui.standard_streams import echo

_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.MODEL_MISSING, ExitCode.INTERNAL)


@command(
    examples=(
        ("A frame of an HDF5 episode, by its row", "align provenance 'aligned/episode_0.h5#12'"),
        ("A picture, as JSON", "align provenance --json\naligned/episode_0/frame_000012_result.png"),
    ),
    exit_codes=_CODES,
    partial="done, but the picture is not the one that was recorded",
)
@click.argument("frame", metavar="FRAME")
@own_option("--json", "as_json", is_flag=True, help="Print one JSON object with the records of episode and frame.")
@click.pass_context
def provenance(ctx: click.Context, frame: str, *, as_json: bool) -> None:
    """Print the lineage of one frame.

    FRAME is a row of an HDF5 episode that `align` wrote, as EPISODE.h5#N, or a picture of a folder that it wrote. The
    lineage has the source with its hash, the frame's number in it, the pose, the models of depth and fill, where the
    pixels come from, and the licences. The picture is hashed again and compared with the record, and so are the shares
    of its pixels: exit code 4 says that they differ.
    """
    from stream.alignment.lineage import lineage_of
    from stream.alignment.lineage_text import lines_of

    found = lineage_of(frame)
    if as_json:
        click.echo(json.dumps(found.document(), indent=1, allow_nan=False))
    else:
        for line in lines_of(found):
            echo(line)
    ctx.exit(ExitCode.DONE if found.is_as_recorded else ExitCode.PARTIAL)
