"""Every number has a lower and an upper bound, texts and paths are not empty, and TOML's types are kept."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from annotated_types import Ge, Gt, Le, Lt
from click.testing import CliRunner

from stream.cli import cli
from stream.commands.options import RunOption
from stream.commands.values import PathName, Real, Whole
from stream.config import OPTIONS, validate
from stream.errors import UsageError
from stream.records.schema.options import OptionField, nest

NUMBERS: Final = {path: each for path, each in OPTIONS.items() if each.type in (int, float)}
EXTREMES: Final = (
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1e300",
    "1e300",
    "9" * 20,
    "-" + "9" * 400,
    "9" * 5000,
    "1e-330x",
    "",
)
"""No option takes any of these."""


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands, each with its words."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif command is not None:
            yield (*path, name), command


def own_parameters(*types: type[click.ParamType[object]]) -> list[tuple[str, click.Parameter]]:
    """The parameters of these types that belong to a single command."""
    return [
        (" ".join((*words, param.opts[-1])), param)
        for words, command in commands()
        for param in command.params
        if not isinstance(param, RunOption) and isinstance(param.type, types)
    ]


def bound(each: OptionField, *kinds: type) -> float:
    """A bound of an option, which must be there."""
    [constraint] = [mark for mark in each.field.metadata if isinstance(mark, kinds)]
    return float(next(getattr(constraint, name) for name in ("gt", "ge", "lt", "le") if hasattr(constraint, name)))


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_is_bounded(path: str) -> None:
    """Its default lies between the bounds, and what lies outside is refused with flag, value and range."""
    each = NUMBERS[path]
    low, high = bound(each, Gt, Ge), bound(each, Lt, Le)
    assert math.isfinite(low)
    assert math.isfinite(high)
    default = each.field.default
    assert default is None or low <= default <= high
    outside = [str(int(low) - 1), str(int(high) + 1)]
    for value in (*EXTREMES, *outside):
        with pytest.raises(UsageError) as caught:
            validate(nest({path: value, "source": "-"}))
        assert caught.value.exit_code == 2
        displayed = value or "''"
        assert str(caught.value).startswith(f"{each.flag} {displayed}: must be ")
        assert str(caught.value).endswith(each.range)
    for value in (f"{high:f}", str(int(high))):
        if each.type is float or value.isdecimal():
            validate(nest({path: value, "source": "-", **_beside(path)}))


def _beside(path: str) -> dict[str, object]:
    """The option that must be greater than one at its upper bound."""
    return {"detector.longest_anomaly_s": 86_400, "detector.shortest_s": 86_399} if "shortest_s" in path else {}


@pytest.mark.parametrize(("name", "param"), own_parameters(Real, Whole))
def test_numbers_of_single_commands_are_bounded(name: str, param: click.Parameter) -> None:
    """In the same style."""
    assert isinstance(param.type, Real | Whole), name
    assert param.type.min is not None
    assert param.type.max is not None
    names = "|".join(param.opts)
    for value in EXTREMES:
        with pytest.raises(UsageError, match=f"^({names}) {value or chr(39) * 2}: must be .*at most ") as caught:
            param.type.convert(value, param, None)
        assert caught.value.exit_code == 2


def test_no_command_has_a_path_or_number_of_another_type() -> None:
    """The types of click would accept the empty path, and have other words for a refusal."""
    plain = own_parameters(click.types.IntParamType, click.types.FloatParamType, click.Path)
    assert [name for name, param in plain if not isinstance(param.type, Real | Whole | PathName)] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "clip.mp4", "--out", ""], "--out '': must be a path, and not empty"),
        (["run", "clip.mp4", "--intrinsics", ""], "--intrinsics '': must be a path, and not empty"),
        (["run", "clip.mp4", "--task", ""], "--task '': must be text, and not empty"),
        (["run", "clip.mp4", "--encoder", ""], "--encoder '': must be one of "),
        (["run", "clip.mp4", "--config", ""], "--config '': must be a path, and not empty"),
        (["run", ""], "'' is not a clip: name a file or an address"),
        (["rectify", "clip.mp4", "--out", ""], "--out '': must be a path, and not empty"),
        (["tail", ""], "RUN '': must be a path, and not empty"),
        (["run", "clip.mp4", "--stride-s", "1e-12"], "--stride-s 1e-12: must be at least 0.01 and at most 3600"),
    ],
)
def test_the_command_line_refuses(words: list[str], message: str) -> None:
    """What is empty, for every kind of text; and a stride that would make a window of every instant."""
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(cli, words, catch_exceptions=False)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[clips]\njobs = true", "clips.jobs = true: must be a whole number, at least 1 and at most 1024"),
        ("[clips]\njobs = 4.0", "clips.jobs = 4.0: must be a whole number, at least 1 and at most 1024"),
        ('[clips]\njobs = "4"', "clips.jobs = 4: must be a whole number, at least 1 and at most 1024"),
        ('[input]\nloop = "yes"', "input.loop = yes: must be true or false"),
        ("[input]\nloop = 1", "input.loop = 1: must be true or false"),
        ('[window]\nstride_s = "1"', "window.stride_s = 1: must be a finite number, at least 0.01 and at most 3600"),
        ("[window]\nstride_s = true", "window.stride_s = true: must be a finite number, "),
        ("[window]\nstride_s = nan", "window.stride_s = nan: must be a finite number, "),
        (f"[window]\nstride_s = {'9' * 400}", f"window.stride_s = {'9' * 400}: must be "),
        ("[output]\nfolder = 7", "output.folder = 7: must be a path, and not empty"),
        ('[output]\nfolder = ""', "output.folder = '': must be a path, and not empty"),
        ("[annotator]\ntask = 1979-05-27", "annotator.task = 1979-05-27: must be text, and not empty"),
        ("[clips.jobs]\nx = 1", "clips.jobs = {'x': 1}: must be a whole number, "),
        ("[window]\npreset = 64", "window.preset = 64: must be one of "),
        ("[encoder]\nname = true", "encoder.name = true: must be one of "),
    ],
)
def test_the_types_of_a_file_are_those_of_toml(tmp_path: Path, text: str, message: str) -> None:
    """A text is no number, a number no switch, and a whole number has no decimal point."""
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(cli, ["run", "clip.mp4", "--config", str(file)], catch_exceptions=False)
    assert str(caught.value).startswith(f"{file}: {message}")


def test_a_whole_number_is_accepted_as_a_number(tmp_path: Path) -> None:
    """TOML writes 2 and 2.0; both are two seconds."""
    file = tmp_path / "run.toml"
    file.write_text("[window]\nstride_s = 2\n[clips]\njobs = 4")
    result = CliRunner().invoke(
        cli, ["run", "clip.mp4", "--config", str(file), "--show-config"], catch_exceptions=False
    )
    assert "stride_s = 2.0" in result.stdout
    assert "jobs = 4" in result.stdout
