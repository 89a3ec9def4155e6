"""The options of live sources on a command line: one for each field of ``LiveOptions`` that is the user's."""

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from typing import Any

import click

from stream.sources.live.options import LiveOptions

_SECONDS = [option for option in fields(LiveOptions) if option.metadata]


def live_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a click command the options of live sources; it takes them all as ``live``."""

    @wraps(command)
    def with_options(**arguments: object) -> None:
        names = ["follow", *(option.name for option in _SECONDS)]
        chosen: dict[str, Any] = {name: arguments.pop(name) for name in names}
        command(live=LiveOptions(**chosen), **arguments)

    made: Callable[..., None] = with_options
    for option in reversed(_SECONDS):
        made = _seconds(option)(made)
    return click.option("--follow", is_flag=True, help="CLIP is a file that still grows: go on while it does.")(made)


def _seconds(option: "Field[Any]") -> Callable[[Callable[..., None]], Callable[..., None]]:
    unset = option.metadata["unset"]
    return click.option(
        f"--{option.name.replace('_', '-')}",
        type=float,
        default=option.default,
        show_default=unset or True,
        help=option.metadata["help"],
    )
