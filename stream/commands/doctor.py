"""``egoclean-stream doctor [CLIP...]``: checks within seconds whether a run can succeed."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import Final

import click
from rich.console import Console
from rich.style import Style
from rich.text import Text

from stream.commands.command import ALL_CODES, command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import ClipName
from stream.doctor.check import Check, CheckLevel
from stream.errors import printable
from stream.ui.screen import standard_console
from stream.ui.styles import ANOMALOUS, DONE, FAILED
from stream.ui.text import count, hanging, print_line

_LEVELS: Final[dict[CheckLevel, Style]] = {"FAIL": FAILED, "warn": ANOMALOUS, "ok": DONE}
"""In the order in which they are printed."""
_NAME_WIDTH: Final = 18
_NARROW: Final = 60
"""In a terminal of fewer columns the messages stand below the names."""

_EXAMPLES = (
    ("Check this machine", "doctor"),
    ("Check a clip with the options of a run", "doctor clip.mp4 --annotator qwen"),
    ("Plan the run of a tar or a folder: time, price, disk", "doctor clips/ --encoder grid"),
)


@command(examples=_EXAMPLES, exit_codes=ALL_CODES)
@click.argument("clips", metavar="[CLIP]...", nargs=-1, type=ClipName())
@run_options(
    "lens", "encoder", "window", "annotator", "keyframes", "detector", "input", "live", "output.folder", "clips.jobs",
    "runtime", "machine", "monitoring",
    daily=(
        "lens.rectify", "lens.intrinsics", "lens.preset", "encoder.name", "annotator.name", "annotator.url",
        "output.folder", "machine.price_per_hour", "runtime.offline",
    ),
)  # fmt: skip
@own_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(chosen: Chosen, clips: tuple[str, ...], *, as_json: bool) -> None:
    """Check this machine, and each CLIP, before a long run.

    Takes what `run` takes: clips, tars, folders, patterns, @list.txt, addresses and live sources, and its options and
    variables, such as EGOCLEAN_ENCODER. Of several clips the first is tried, and the time, price and disk for all are
    estimated from it.

    Prints one line per check, FAIL before warn before ok, and what to do about it. Nothing is written, and nothing is
    downloaded except the parts of a remote CLIP that are examined. The exit code is 0 if no check fails, otherwise
    the one that the run would end with.
    """
    from stream.doctor.examine import examine

    console = standard_console()
    options = chosen.options(clips[0] if clips else "")
    with console.status("checking") if console.is_interactive and not as_json else nullcontext():
        results = list(examine(options, clips))
    code = next((result.exit_code for result in results if result.level == "FAIL"), 0)
    if as_json:
        click.echo(json.dumps({"exit_code": code, "checks": [asdict(result) for result in results]}, indent=1))
    else:
        print_checks(results, console)
    sys.exit(code)


def print_checks(checks: Sequence[Check], console: Console) -> None:
    """Print checks, the worst first, and how many there are of each; in a terminal folded to its width."""
    for level in _LEVELS:
        for each in checks:
            if each.level == level:
                _print_check(each, console)
    numbers = Counter(each.level for each in checks)
    parts = [count(numbers["FAIL"], "problem")] if numbers["FAIL"] else []
    parts += [count(numbers["warn"], "warning")] if numbers["warn"] else []
    style = next((style for level, style in _LEVELS.items() if numbers[level]), DONE)
    console.print(Text(", ".join([*parts, f"{numbers['ok']} ok"]), style))


def _print_check(each: Check, console: Console) -> None:
    message = printable(f"{each.message}; {each.hint}" if each.hint else each.message)
    if not console.is_terminal:
        print_line(console, f"{each.level:5} {each.name:{_NAME_WIDTH}} {message}")
        return
    head = Text.assemble((f"{each.level:4}", _LEVELS[each.level]), f"  {each.name:{_NAME_WIDTH}}  ")
    if console.width < _NARROW:
        head.rstrip()
        console.print(head)
        head = Text("      ")
    console.print(hanging(console, head, Text(message)))
