"""``egoclean-stream doctor CLIP``: in seconds, what would keep a run from ending well."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import click

from models.encoders.table import encoder_names
from stream.commands.annotator_options import annotator_options
from stream.commands.encoder_options import encoder_options
from stream.commands.lens_options import lens_options
from stream.commands.live_options import live_options
from stream.commands.option import option
from stream.commands.run import FILE, make_options
from stream.commands.source_options import download_option
from stream.detection.options import DetectorOptions
from stream.doctor.check import Check
from stream.errors import printable
from stream.sources.live.options import LiveOptions

_NAME_WIDTH = 18


@click.command()
@click.argument("clip", required=False)
@lens_options
@download_option
@click.option("--rectify/--no-rectify", default=True, show_default=True, help="Undo the fisheye lens.")
@option("--out", type=FILE, envvar="EGOCLEAN_OUT", help="Where run directories are made.")
@option("--encoder", type=click.Choice(encoder_names()), envvar="EGOCLEAN_ENCODER", help="As for run.")
@option("--encoder-model", metavar="NAME_OR_PATH", help="Hub name or local folder of the encoder's weights.")
@option("--decoder", type=click.Choice(["auto", "cpu", "nvdec"]), help="As for run.")
@option("--vram-budget-gib", type=float, help="Plan for a card of so much memory, also where there is none.")
@encoder_options
@annotator_options
@live_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(clip: str | None, *, live: LiveOptions, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's values, validated by Options
    """Look at the machine, and CLIP, before a long run.

    Nothing is written, and nothing is fetched but what it looks at of a CLIP on the hub.

    One line a thing: ok, warn or FAIL, and what to do. The exit code is 0 if nothing fails, else the one that the
    run would end with.
    """
    from stream.doctor.examine import examine

    options = make_options(DetectorOptions(), {**given, "live": live, "source": clip or ""})
    checks = examine(options, with_clip=clip is not None)
    seen = list(checks if as_json else _shown(checks))
    code = next((made.exit_code for made in seen if made.level == "FAIL"), 0)
    if as_json:
        click.echo(json.dumps({"exit_code": code, "checks": [asdict(made) for made in seen]}, indent=1))
    sys.exit(code)


def _shown(checks: Iterable[Check]) -> Iterator[Check]:
    """Print each as soon as it is known."""
    for made in checks:
        cure = f"; {made.cure}" if made.cure else ""
        click.echo(printable(f"{made.level:5} {made.name:{_NAME_WIDTH}} {made.says}{cure}"))
        yield made
