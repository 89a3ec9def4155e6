"""The picture of the live view in the README: several clips at a time, in the middle of their runs.

    python -m tests.tools.live_picture CLIP FILE.svg

CLIP needs its intrinsics.json beside it.
"""

import io
import re
import shutil
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Final

import click
import pyte.screens
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.support.terminal import Terminal, in_terminal

_SIZE: Final = (84, 18)
_CLIPS: Final = 4
_WITHIN_S: Final = 600.0
_SHARE: Final = 50
"""Per cent of each clip, and of all, that are done in the picture."""
_YELLOW: Final = {"brown": "yellow"}
"""Pyte's words for colours that have another name elsewhere."""
_SVG: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""
"""Rich's own, without the fonts that it fetches."""


@click.command()
@click.argument("clip", type=click.Path(path_type=Path, exists=True))
@click.argument("picture", type=click.Path(path_type=Path))
def main(clip: Path, picture: Path) -> None:
    """Run copies of CLIP two at a time in a terminal, and write its screen to PICTURE when most is done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "worker001"
        folder.mkdir()
        shutil.copy(clip.with_name("intrinsics.json"), folder)
        for number in range(_CLIPS):
            shutil.copy(clip, folder / f"worker001_{number:05}.mp4")
        words = (f"{folder.name}/", "--encoder", "grid", "--jobs", "2")
        with in_terminal(*words, size=_SIZE, cwd=Path(name)) as session:
            session.until(lambda terminal: "2 of 4 done" in terminal.lines()[-1], _WITHIN_S)
            terminal = session.until(_is_half_done, _WITHIN_S)
            svg = svg_of(terminal, "egoclean-stream worker001/ --encoder grid --jobs 2")
            session.process.terminate()
            session.end()
    picture.write_text(svg)


def svg_of(terminal: Terminal, title: str) -> str:
    """The screen as SVG, which needs no font but the reader's own."""
    screen = terminal.screen
    console = Console(record=True, width=screen.columns, force_terminal=True, file=io.StringIO())
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        line = Text()
        for style, run in groupby(cells, _style):
            line.append("".join(cell.data for cell in run), style)
        console.print(line, no_wrap=True)
    return console.export_svg(title=title, code_format=_SVG, unique_id="live")


def _style(cell: pyte.screens.Char) -> Style:
    is_plain = cell.fg == "default"
    return Style(color=None if is_plain else _YELLOW.get(cell.fg, cell.fg), dim=is_plain and cell.data in "━╺╸")


def _is_half_done(terminal: Terminal) -> bool:
    shares = [int(share) for share in re.findall(r"(\d+)%", "\n".join(terminal.shown()))]
    return len(shares) == 3 and min(shares) >= _SHARE


if __name__ == "__main__":
    main()
