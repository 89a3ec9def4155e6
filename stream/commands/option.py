"""Options of the command line that the environment or a TOML file may also set, and how messages name them."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import click
from click.core import ParameterSource

from stream.errors import UsageError
from stream.records.schema.options import displayed, must_be

PREFIX: Final = "EGOCLEAN_"
CONFIG_FILE: Final = "stream.config_file"
"""Key of a context's ``meta``: the TOML file of the command."""


class ConfigurableOption(click.Option):
    """An option that may also come from a variable or a file; a subclass decides under which names."""

    command_line_only = False
    """Whether the environment and files must not set it."""

    @property
    def flag(self) -> str:
        """Its long form on the command line."""
        return next(each for each in self.opts if each.startswith("--"))

    def variable(self, ctx: click.Context) -> str:
        """Its name in the environment."""
        raise NotImplementedError

    def key(self, ctx: click.Context) -> str:
        """Its dotted name in a TOML file."""
        raise NotImplementedError

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The value of its variable; None if that is unset or empty.

        Raises:
            UsageError: the variable is set, and only the command line may set this option.
        """
        name = self.variable(ctx)
        value = os.environ.get(name) or None
        if value is None or not self.command_line_only:
            return value
        if ctx.resilient_parsing:
            return None
        raise UsageError(f"{name}={value}: {self.flag} is taken from the command line alone: unset {name}")

    def place(self, ctx: click.Context, value: object) -> str:
        """The option and its value, as the user set them: ``--crf 99`` or ``EGOCLEAN_RECTIFY_CRF=99``."""
        match ctx.get_parameter_source(str(self.name)):
            case ParameterSource.ENVIRONMENT:
                return f"{self.variable(ctx)}={value}"
            case ParameterSource.DEFAULT_MAP:
                return f"{ctx.meta[CONFIG_FILE]}: {self.key(ctx)} = {displayed(value)}"
            case _:
                return f"{self.flag} {displayed(value)}"

    def get_help_extra(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's dictionary
        """A number without needless zeros, and the words of ``show_default`` without click's parentheses."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        elif "default" in extra and isinstance(default := self.get_default(ctx), float):
            extra["default"] = f"{default:g}"
        return extra

    def origin(self, ctx: click.Context) -> str:
        """Where its value comes from: the flag, the variable, the file, or ``default``."""
        match ctx.get_parameter_source(str(self.name)):
            case ParameterSource.COMMANDLINE:
                return self.flag
            case ParameterSource.ENVIRONMENT:
                return self.variable(ctx)
            case ParameterSource.DEFAULT_MAP:
                return str(ctx.meta[CONFIG_FILE])
            case _:
                return "default"


class OwnOption(ConfigurableOption):
    """An option of one command: ``rectify --crf`` is ``EGOCLEAN_RECTIFY_CRF``, and ``crf`` in the table ``rectify``."""

    def variable(self, ctx: click.Context) -> str:
        return PREFIX + "_".join((*command_names(ctx), self._word)).replace("-", "_").upper()

    def key(self, ctx: click.Context) -> str:
        return ".".join((*command_names(ctx), self._word))

    @property
    def kind(self) -> type:
        """The type of its values: ``bool``, ``int``, ``float``, ``str`` or ``Path``."""
        return bool if self.is_flag else getattr(self.type, "kind", str)

    @property
    def choices(self) -> Sequence[str]:
        """The values of a choice; empty for other options."""
        return getattr(self.type, "choices", ())

    @property
    def range(self) -> str:
        """The range of a number, as ``at least 1 and at most 9``; empty for other options."""
        return getattr(self.type, "range", "")

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ANN401 - click's
        """The value in its type.

        Raises:
            UsageError: a switch gets something other than true or false, from a variable or a file.
        """
        if not self.is_flag:
            return super().type_cast_value(ctx, value)
        try:
            return super().type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise UsageError(f"{self.place(ctx, value)}: {must_be(bool, '', out_of_range=False)}") from error

    @property
    def _word(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")


own_option = partial(click.option, cls=OwnOption)
"""Declares an option of one command, as ``click.option`` does."""


def command_names(ctx: click.Context) -> tuple[str, ...]:
    """The words of a command without the program's name: ``("bench", "chain")``."""
    if ctx.parent is None:
        return ()
    return (*command_names(ctx.parent), str(ctx.info_name))
