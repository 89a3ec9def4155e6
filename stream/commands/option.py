"""A click option for a field of ``Options``."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from stream.config import Options

T = TypeVar("T")


def option(flag: str, **how: Any) -> Callable[[Callable[..., T]], Callable[..., T]]:  # noqa: ANN401 - click's own
    """A click option for the field of ``Options`` of that name, with that field's default."""
    name = flag.partition("/")[0].removeprefix("--").replace("-", "_")
    default = Options.model_fields[name].default
    return click.option(flag, default=default, show_default=default is not None, **how)
