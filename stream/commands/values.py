"""The types of arguments and of a command's own options; their errors have one style."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from stream.commands.option import ConfigurableOption
from stream.errors import UsageError
from stream.records.schema.options import displayed, help_bounds, must_be, must_be_one_of, range_text

_BOOLEANS: Final = frozenset({"true", "t", "yes", "y", "on", "false", "f", "no", "n", "off"})
"""The words that click takes for a boolean, besides 0 and 1."""


class ClipName(click.ParamType[str]):
    """A positional CLIP. A number or a boolean word is refused: it was probably meant for the option before it."""

    name = "clip"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401, ARG002 - click's
        text = str(value)
        if not text:
            raise UsageError("'' is not a clip: name a file or an address")
        is_number = _is_number(text)
        if not (is_number or text.strip().lower() in _BOOLEANS) or Path(text).exists():
            return text
        has_restarts = ctx is not None and any("--max-restarts" in each.opts for each in ctx.command.params)
        restarts = f", and restarts are limited by --max-restarts {text}" if is_number and has_restarts else ""
        raise UsageError(
            f"{text} is not a clip: no file has this name; "
            f"if it belongs to the option before it, that option takes no value{restarts}"
        )

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        return [CompletionItem(incomplete, type="file")]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class PathName(click.Path):
    """A path, which need not exist."""

    kind = Path

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        if value == "":
            raise UsageError(f"{_place(param, ctx, value)}: {must_be(Path, '')}")
        return super().convert(value, param, ctx)


class Real(click.FloatRange):
    """A finite number in a range, refused and described as every other option is."""

    name = "number"
    kind = float

    def _describe_range(self) -> str:
        return range_text(help_bounds(_bounds(self)))

    @property
    def range(self) -> str:
        """``at least 3 and at most 3600``."""
        return range_text(_bounds(self))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        try:
            number = float(value)
            if math.isfinite(number):
                return float(super().convert(value, param, ctx))
        except (ValueError, click.BadParameter) as error:
            raise UsageError(_refusal(self, value, param, ctx)) from error
        raise UsageError(_refusal(self, value, param, ctx))


class Whole(click.IntRange):
    """A whole number in a range, refused and described as every other option is."""

    name = "integer"
    kind = int

    def _describe_range(self) -> str:
        return range_text(help_bounds(_bounds(self)))

    @property
    def range(self) -> str:
        """``at least 32 and at most 16384``."""
        return range_text(_bounds(self))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter as error:
            raise UsageError(_refusal(self, value, param, ctx)) from error


class Choice(click.Choice[str]):
    """One of several words, refused as every other option is."""

    def __init__(self, choices: Sequence[str], other_names: Mapping[str, str] = MappingProxyType({})) -> None:
        """``other_names`` of choices, which are not taken, but lead to the right one."""
        super().__init__(choices)
        self._other_names = other_names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            word = self._other_names.get(str(value), str(value))
            raise UsageError(f"{_place(param, ctx, value)}: {must_be_one_of(word, self.choices)}") from error


VIDEO_CODEC: Final = Choice(
    ["h264", "hevc", "av1"], {"h265": "hevc", "x265": "hevc", "x264": "h264", "avc": "h264", "svtav1": "av1"}
)
"""A codec of a video that is written."""


def _refusal(of: Real | Whole, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
    try:
        number = of.kind(value)
        out_of_range = of.kind is int or math.isfinite(number)
    except ValueError:
        out_of_range = False
    return f"{_place(param, ctx, value)}: {must_be(of.kind, of.range, out_of_range=out_of_range)}"


def _bounds(bounds: click.FloatRange | click.IntRange) -> dict[str, float]:
    lower = {"gt" if bounds.min_open else "ge": bounds.min} if bounds.min is not None else {}
    upper = {"lt" if bounds.max_open else "le": bounds.max} if bounds.max is not None else {}
    return {**lower, **upper}


def _place(param: click.Parameter | None, ctx: click.Context | None, value: object) -> str:
    if isinstance(param, ConfigurableOption):
        return param.place(ctx, value) if ctx else f"{param.flag} {displayed(value)}"
    if isinstance(param, click.Argument):
        return f"{param.human_readable_name} {displayed(value)}"
    return f"{param.opts[0] if param else 'value'} {displayed(value)}"
