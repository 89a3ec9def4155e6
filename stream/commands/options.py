"""The options of a run on a command line: from its words, the environment or a TOML file, in that order.

Each is derived from a field of ``stream.config.Options``: a command names the groups or fields that it takes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from stream.commands.option import PREFIX, ConfigurableOption
from stream.commands.option_file import print_options, read_options
from stream.commands.values import PathName
from stream.config import OPTIONS, Options, flag_and_value, validate
from stream.records.schema.options import OptionField, nest
from stream.sources.network import network

T = TypeVar("T")

LENS_PATHS: Final = ("lens.intrinsics", "lens.preset", "lens.balance", "lens.fov_scale", "lens.new_camera")
"""Of the options that choose the lens and the rectified picture, for commands that always rectify."""
_DOT: Final = "__"
"""Stands for the dot of a path in a parameter's name."""


@dataclass(frozen=True)
class Chosen:
    """The options that the user set for a command, and where each came from."""

    values: Mapping[str, Any]
    """By path, without those that are at their default."""
    places: Mapping[str, Callable[[object], str]] = field(default_factory=dict)
    """How a message names each with its value."""

    def options(self, source: str, changes: Mapping[str, object] | None = None) -> Options:
        """All options of a run of ``source``; ``changes``, by path, count before what was given.

        Raises:
            UsageError: naming the first option that is out of range.
        """
        return validate(nest({**self.values, **(changes or {}), "source": source}), self._place)

    def _place(self, path: str, value: object) -> str:
        return self.places[path](value) if path in self.places else flag_and_value(path, value)


@dataclass(frozen=True)
class Inheritance:
    """Options that a command takes from an earlier run unless the user sets them."""

    wanted: tuple[str, ...]
    """Their groups or paths."""
    origin: str
    """Where they come from, for the help and ``--show-config``."""
    values: Callable[..., Mapping[str, Any]]
    """The options of the earlier run, nested: of the given options, by path, and the command's other arguments."""


class RunOption(ConfigurableOption):
    """The command-line option of a field; its value is checked later, with all others."""

    def __init__(
        self, declared: OptionField, inherited_from: str | None = None, daily: Collection[str] | None = None
    ) -> None:
        """Make the option.

        Args:
            declared: its field.
            inherited_from: names the source of its value if the user sets none; None for its default.
            daily: paths of the options that ``--help`` shows; None for those that are marked.
        """
        self.declared = declared
        self.inherited_from = inherited_from
        self.section = declared.title
        self.daily = bool(declared.extra["daily"]) if daily is None else declared.path in daily
        self.command_line_only = bool(declared.extra["command_line_only"])
        is_switch = declared.type is bool
        super().__init__(
            [*filter(None, [declared.short]), declared.flags, declared.path.replace(".", _DOT)],
            is_flag=is_switch or None,
            type=None if is_switch else _Raw(declared),
            default=declared.field.default,
            allow_from_autoenv=False,
            show_default=True,
            help=declared.extra["help"],
        )

    def variable(self, ctx: click.Context) -> str:  # noqa: ARG002 - the same for every command
        return environment_name(self.declared.flag)

    def key(self, ctx: click.Context) -> str:  # noqa: ARG002 - the same for every command
        return self.declared.path

    def get_help_extra(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's dictionary
        extra, default = super().get_help_extra(ctx), self.declared.field.default
        if self.inherited_from:
            extra["default"] = self.inherited_from
        elif self.declared.extra["unset"]:
            extra["default"] = self.declared.extra["unset"]
        elif isinstance(default, bool) and not self.command_line_only:
            extra["default"] = "on" if default else "off"
        if self.declared.help_range:
            extra["range"] = self.declared.help_range
        return extra

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ANN401 - click's
        """Leave what is no boolean as it is, for the one place that refuses values."""
        try:
            return super().type_cast_value(ctx, value)
        except click.BadParameter:
            return value

    def origin(self, ctx: click.Context) -> str:
        found, unset = super().origin(ctx), self.declared.extra["unset"]
        if found != "default":
            return found
        return self.inherited_from or (f"default: {unset}" if unset else found)


class _Raw(click.ParamType[Any]):
    """A value that is taken as it is."""

    def __init__(self, declared: OptionField) -> None:
        self._declared = declared
        self.name = {int: "integer", float: "number", Path: "path"}.get(declared.type, "text")

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's
        choices = self._declared.choices
        return f"[{'|'.join(choices)}]" if choices else self._declared.extra["metavar"]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        if self._declared.type is Path:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(word) for word in self._declared.choices if word.startswith(incomplete)]


def environment_name(flag: str) -> str:
    """``EGOCLEAN_DETECTOR_ALPHA`` for ``--detector-alpha``."""
    return PREFIX + flag.removeprefix("--").replace("-", "_").upper()


def run_options(
    *wanted: str, inherits: Inheritance | None = None, daily: Collection[str] | None = None
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Give a command the options of these groups, or at these paths; it takes them as ``chosen``.

    ``--config`` and ``--show-config`` come with them. What it ``inherits`` is shown as it will be, not as the default.
    ``daily`` are the paths that its ``--help`` shows, if not those that are marked.
    """
    chosen = [each for path, each in OPTIONS.items() if _is_in(wanted, path)]

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        def with_options(**arguments: Any) -> T:  # noqa: ANN401 - click's values
            ctx = click.get_current_context()
            for each in chosen:
                del arguments[each.path.replace(".", _DOT)]
            found = given_options(ctx, chosen)
            if arguments.pop("show_config"):
                found.options("-")
                print_options(ctx, inherits.values(found.values, **arguments) if inherits else {})
                ctx.exit()
            with network(offline=found.values.get("runtime.offline") is True):
                return command(chosen=found, **arguments)

        with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
        params = [
            RunOption(each, inherits.origin if inherits and _is_in(inherits.wanted, each.path) else None, daily)
            for each in chosen
        ]
        own = getattr(command, "__click_params__", [])
        with_options.__click_params__ = [_show_config(), _config(), *own, *reversed(params)]  # type: ignore[attr-defined]
        return with_options

    return decorate


def _is_in(wanted: Collection[str], path: str) -> bool:
    """Whether an option is wanted, by its path or its group."""
    return path in wanted or path.partition(".")[0] in wanted


def given_options(ctx: click.Context, chosen: Iterable[OptionField]) -> Chosen:
    """Those of the options that the command line, the environment or a file gave to a command."""
    wanted = {each.path for each in chosen}
    set_params = [
        param
        for param in ctx.command.params
        if isinstance(param, RunOption)
        and param.declared.path in wanted
        and ctx.get_parameter_source(str(param.name)) != ParameterSource.DEFAULT
    ]
    values = {param.declared.path: ctx.params[str(param.name)] for param in set_params}
    return Chosen(values, {param.declared.path: partial(param.place, ctx) for param in set_params})


def fork_template(ctx: click.Context) -> None:
    """Fork the template of the workers, if the command is to run chains with workers of its own: one at a time."""
    engine, jobs = (ctx.params.get(path.replace(".", _DOT)) for path in ("runtime.engine", "clips.jobs"))
    if engine in (None, "local") and jobs in (None, 1, "1"):
        from stream.runtime import worker_template

        worker_template.fork_template()


def _config() -> click.Option:
    return click.Option(
        ["--config"],
        type=PathName(),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=lambda ctx, _param, path: read_options(ctx, path),
        envvar=CONFIG_VARIABLE,
        allow_from_autoenv=False,
        help="TOML file with options, as --show-config prints them. The command line and EGOCLEAN_* variables win.",
    )


CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
"""Names the TOML file instead of ``--config``."""


def _show_config() -> click.Option:
    return click.Option(
        ["--show-config"],
        is_flag=True,
        allow_from_autoenv=False,
        help="Print all options as TOML, each with where its value comes from, and exit.",
    )
