"""Progress bars that fit into any width: what matters least is left out first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.text import Text

from stream.ui.styles import ASIDE, DONE, RUNNING

_NAME_MAX: Final = 24
_BAR_MIN, _BAR_MAX = 8, 40
_GAP: Final = "  "
_PERCENT: Final = len(" 100%")


@dataclass(frozen=True, slots=True)
class Bar:
    """What a bar shows at one moment."""

    name: str
    texts: tuple[str, ...]
    """Beside the bar, from the most complete to the shortest; the longest that fits is shown."""
    share: float | None = None
    """From 0 to 1; None if the length is not known: no bar is drawn."""
    style: Style = RUNNING


def lay_out(bars: Sequence[Bar], width: int) -> list[ConsoleRenderable]:
    """One line a bar, at most ``width`` cells wide, with their columns aligned."""
    names = [shortened(bar.name, min(_NAME_MAX, width // 3)) for bar in bars]
    name_width = max(map(cell_len, names), default=0)
    room = width - name_width - len(_GAP)
    beside = len(_GAP) + _PERCENT
    has_bars = any(bar.share is not None for bar in bars)
    least = _BAR_MIN + beside if has_bars and all(_fits(bar.texts[-1], room - _BAR_MIN - beside) for bar in bars) else 0
    texts = [next((text for text in bar.texts if _fits(text, room - least)), bar.texts[-1]) for bar in bars]
    longest = max((cell_len(text) for bar, text in zip(bars, texts, strict=True) if bar.share is not None), default=0)
    bar_width = min(_BAR_MAX, room - longest - beside) if least else 0
    return [
        _Line(set_cell_size(name, name_width), bar, shortened(text, room), bar_width)
        for name, bar, text in zip(names, bars, texts, strict=True)
    ]


def _fits(text: str, cells: int) -> bool:
    return cell_len(text) <= cells


def shortened(text: str, cells: int) -> str:
    """Text of at most ``cells`` cells: the middle of a longer one is left out, since names differ at their ends."""
    if cell_len(text) <= cells:
        return text
    if cells < 6:
        return set_cell_size(text, cells)
    end = text[-(cells - 3) // 2 :]
    while cell_len(end) > (cells - 3 + 1) // 2:
        end = end[1:]
    return set_cell_size(text, cells - 3 - cell_len(end)) + "..." + end


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    bar: Bar
    text: str
    width: int
    """Of the bar; 0 for none."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.name + _GAP, end="")
        if self.width and self.bar.share is not None:
            share = min(1.0, max(0.0, self.bar.share))
            drawn = ProgressBar(1.0, share, self.width, style=ASIDE, complete_style=self.bar.style, finished_style=DONE)
            segments = list(console.render(drawn, options))
            yield from segments
            missing = self.width - sum(segment.cell_length for segment in segments)
            yield Text(f"{' ' * missing} {int(share * 100):3}%{_GAP}", end="")
        yield Text(self.text)
