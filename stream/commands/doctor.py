"""``egoclean-stream doctor CLIP``: checks within seconds whether a run can succeed."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import click

from stream.commands.command import ALL_CODES, command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import ClipName
from stream.doctor.check import Check
from stream.ui.standard_streams import echo

_NAME_WIDTH = 18


_EXAMPLES = (
    ("Check this machine", "doctor"),
    ("Check a clip with the options of a run", "doctor clip.mp4 --annotator qwen"),
)


@command(examples=_EXAMPLES, exit_codes=ALL_CODES)
@click.argument("clip", required=False, type=ClipName())
@run_options(
    "lens", "encoder", "window", "annotator", "keyframes", "detector", "input", "live", "output.folder", "runtime",
    "machine", "monitoring",
)  # fmt: skip
@own_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(chosen: Chosen, clip: str | None, *, as_json: bool) -> None:
    """Check this machine, and CLIP, before a long run.

    Takes the options of `run`. Prints one line per check: ok, warn or FAIL, and what to do about it. Nothing is
    written, and nothing is downloaded except the parts of a remote CLIP that are examined. The exit code is 0 if no
    check fails, otherwise the one that the run would end with.
    """
    from stream.doctor.examine import examine

    options = chosen.options(clip or "")
    checks = examine(options, with_clip=clip is not None)
    results = list(checks if as_json else _shown(checks))
    code = next((result.exit_code for result in results if result.level == "FAIL"), 0)
    if as_json:
        click.echo(json.dumps({"exit_code": code, "checks": [asdict(result) for result in results]}, indent=1))
    sys.exit(code)


def _shown(checks: Iterable[Check]) -> Iterator[Check]:
    """Print each result as soon as it is known."""
    for result in checks:
        hint = f"; {result.hint}" if result.hint else ""
        echo(f"{result.level:5} {result.name:{_NAME_WIDTH}} {result.message}{hint}")
        yield result
