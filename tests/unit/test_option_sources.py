"""Every option of every command: by its flag, by its variable, and by its name in a TOML file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from stream.cli import cli
from stream.commands.groups import commands_below
from stream.commands.option import ConfigurableOption, OwnOption
from stream.commands.options import RunOption
from stream.commands.variables import warn_of_unknown_variables
from stream.config import OPTIONS, Options, validate
from stream.errors import UsageError
from stream.records.schema.options import nest

ROOT = click.Context(cli, info_name="egoclean-stream")
COMMANDS = {each.command_path: each for each in commands_below(ROOT) if not isinstance(each.command, click.Group)}
COUNTS = {"flag": 0, "variable": 1, "file": 2}


def settable(ctx: click.Context) -> list[ConfigurableOption]:
    """The options of a command that may come from anywhere."""
    params = ctx.command.params
    return [each for each in params if isinstance(each, ConfigurableOption) and not each.command_line_only]


def value(option: ConfigurableOption, number: int) -> Any:  # noqa: ANN401 - of the option's type
    """A legal value, which differs from the one with another number where the type has more than two."""
    declared = OPTIONS.get(option.declared.path) if isinstance(option, RunOption) else None
    kind = declared.type if declared else option.kind if isinstance(option, OwnOption) else str
    choices = declared.choices if declared else getattr(option.type, "choices", ())
    if choices:
        return choices[number % len(choices)]
    if kind is bool:
        return number % 2 == 0
    if kind is str or kind is Path:
        return f"text{number}"
    marks = (
        {} if declared is None else {name: bound for each in declared.field.metadata for name, bound in bounds(each)}
    )
    lowest = marks.get("ge", marks.get("gt", getattr(option.type, "min", None) or 0))
    step = min(0.125, (marks.get("le", 1.0) - lowest) / 4) if declared else 0.125
    return int(lowest) + number + 1 if kind is int else lowest + step * (number + 1)


def bounds(mark: object) -> Iterator[tuple[str, float]]:
    """The bounds that an annotation gives."""
    yield from ((name, getattr(mark, name)) for name in ("ge", "gt", "le") if hasattr(mark, name))


def words(option: ConfigurableOption, value: object) -> list[str]:
    """The option with its value on a command line."""
    if isinstance(value, bool):
        opposite = [*option.secondary_opts, ""][0]
        return [option.flag] if value else [opposite] if opposite else []
    return [option.flag, str(value)]


def toml(values: Mapping[str, Any]) -> str:
    """A TOML file with dotted names."""
    quoted = {name: f"'{each}'" if isinstance(each, str) else str(each).lower() for name, each in values.items()}
    return "".join(f"{name} = {each}\n" for name, each in quoted.items())


def parsed(ctx: click.Context, args: list[str]) -> click.Context:
    """A command's context for a command line, with a word for each argument that it needs."""
    needed = ["clip" for each in ctx.command.params if isinstance(each, click.Argument) and each.required]
    return ctx.command.make_context(str(ctx.info_name), [*args, *needed], parent=ctx.parent)


@pytest.mark.parametrize("path", [path for path, ctx in COMMANDS.items() if settable(ctx)])
def test_the_flag_wins_over_the_variable_and_that_over_the_file(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All options of a command at once: set in all three places, then in two, then in the file alone."""
    options = settable(COMMANDS[path])
    has_file = any(each.name == "show_config" for each in COMMANDS[path].command.params)
    file = tmp_path / "run.toml"
    file.write_text(toml({each.key(COMMANDS[path]): value(each, COUNTS["file"]) for each in options}))
    args = ["--config", str(file)] if has_file else []
    if has_file:
        ctx = parsed(COMMANDS[path], args)
        assert {each.origin(ctx) for each in options} <= {str(file)}
        assert_given(ctx, options, COUNTS["file"])
    for each in options:
        monkeypatch.setenv(each.variable(COMMANDS[path]), str(value(each, COUNTS["variable"])).lower())
    ctx = parsed(COMMANDS[path], args)
    assert [each.origin(ctx) for each in options] == [each.variable(ctx) for each in options]
    assert_given(ctx, options, COUNTS["variable"])
    flags = [word for each in options for word in words(each, value(each, COUNTS["flag"]))]
    ctx = parsed(COMMANDS[path], [*args, *flags])
    assert [each.origin(ctx) for each in options] == [each.flag for each in options]
    assert_given(ctx, options, COUNTS["flag"])


def assert_given(ctx: click.Context, options: list[ConfigurableOption], number: int) -> None:
    """A command gets the values with a number, and they are legal ones."""
    for each in options:
        assert str(ctx.params[str(each.name)]).lower() == str(value(each, number)).lower(), each.flag
    of_run = {each.declared.path: ctx.params[str(each.name)] for each in options if isinstance(each, RunOption)}
    assert isinstance(validate(nest({**of_run, "source": "-"})), Options)


def test_no_two_options_have_one_name() -> None:
    """Neither in the environment nor in a file, except one and the same option of several commands."""
    own = [
        (each.variable(ctx), each.key(ctx))
        for ctx in COMMANDS.values()
        for each in settable(ctx)
        if isinstance(each, OwnOption)
    ]
    names = [name for pair in own for name in pair]
    of_run = {each.key(ctx) for ctx in COMMANDS.values() for each in settable(ctx) if isinstance(each, RunOption)}
    assert len(set(names)) == len(names)
    assert not of_run & set(names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rectify]\ncrf = 99", r"run\.toml: rectify\.crf = 99: must be at least 0 and at most 51$"),
        (
            "[rectify]\ncrf = 'low'",
            r"run\.toml: rectify\.crf = low: must be a finite number, at least 0 and at most 51$",
        ),
        (
            "[rectify]\nlongest_px = 640.5",
            r"run\.toml: rectify\.longest_px = 640\.5: must be a whole number, at least 32 and at most 16384$",
        ),
        ("[doctor]\njson = 1", r"run\.toml: doctor\.json = 1: must be true or false$"),
        ("[rectify]\ncodec = 'vp9'", r"run\.toml: rectify\.codec = vp9: must be one of h264, hevc, av1$"),
        ("[output]\noverwrite = true", r"output\.overwrite is taken from the command line alone, as --overwrite"),
        ("[rectfy]\ncrf = 9", r"there is no option rectfy\.crf: did you mean rectify\.crf\?"),
        (
            "'encoder.name' = 'grid'",
            r'"encoder\.name" in quotation marks is a single name: write encoder\.name without',
        ),
        ("[bench]\n'chain.json' = true", r'"chain\.json" in quotation marks is a single name'),
    ],
)
def test_files_are_refused_by_the_name_of_the_option(tmp_path: Path, text: str, message: str) -> None:
    """A command's own options are checked as those of a run are, also where another command reads the file."""
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        parsed(COMMANDS["egoclean-stream rectify"], ["--config", str(tmp_path / "run.toml")])


def test_values_for_another_command_do_not_matter(tmp_path: Path) -> None:
    """One file serves all commands: each takes its own table, and the groups of options that it has."""
    (tmp_path / "run.toml").write_text("[bench.chain]\nseconds = 5\n[encoder]\nname = 'grid'\n[rectify]\ncrf = 30\n")
    ctx = parsed(COMMANDS["egoclean-stream rectify"], ["--config", str(tmp_path / "run.toml")])
    assert ctx.params["crf"] == 30.0


@pytest.mark.parametrize(
    ("path", "name", "text", "message"),
    [
        ("rectify", "EGOCLEAN_RECTIFY_CRF", "99", "EGOCLEAN_RECTIFY_CRF=99: must be at least 0 and at most 51"),
        ("check-rectify", "EGOCLEAN_CHECK_RECTIFY_AT", "-1", "EGOCLEAN_CHECK_RECTIFY_AT=-1: must be at least 0 and .*"),
        ("bench chain", "EGOCLEAN_BENCH_CHAIN_SIZE", "4k", "EGOCLEAN_BENCH_CHAIN_SIZE=4k: must be one of .*"),
        ("doctor", "EGOCLEAN_DOCTOR_JSON", "perhaps", "EGOCLEAN_DOCTOR_JSON=perhaps: must be true or false"),
        ("rectify", "EGOCLEAN_OVERWRITE", "1", "EGOCLEAN_OVERWRITE=1: --overwrite is taken from .*"),
    ],
)  # fmt: skip
def test_variables_are_refused_by_their_name(
    path: str, name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names what the user has set, not the flag that was not used."""
    monkeypatch.setenv(name, text)
    with pytest.raises(UsageError, match=f"^{message}$"):
        parsed(COMMANDS[f"egoclean-stream {path}"], [])


def test_a_variable_that_sets_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the nearest one that sets something, also of a single command; what is set on purpose is not mentioned."""
    for name in (
        "EGOCLEAN_ENCODR",
        "EGOCLEAN_RECTIFY_CFR",
        "EGOCLEAN_XYZ",
        "EGOCLEAN_TAIL_LAST",
        "EGOCLEAN_OUT",
    ):
        monkeypatch.setenv(name, "1")
    warn_of_unknown_variables(ROOT)
    assert caplog.messages == [
        "EGOCLEAN_ENCODR sets no option and is ignored: did you mean EGOCLEAN_ENCODER?",
        "EGOCLEAN_RECTIFY_CFR sets no option and is ignored: did you mean EGOCLEAN_RECTIFY_CRF?",
        "EGOCLEAN_XYZ sets no option and is ignored",
    ]
