"""The detector's options on a command line: one for each field of ``DetectorOptions``."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

import click

from stream.detection.options import DetectorOptions


def detector_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a click command an option for each field of ``DetectorOptions``; it takes them all as ``detector``."""

    @wraps(command)
    def with_options(**arguments: object) -> None:
        chosen: dict[str, Any] = {option.name: arguments.pop(option.name) for option in fields(DetectorOptions)}
        command(detector=DetectorOptions(**chosen), **arguments)

    for option in reversed(fields(DetectorOptions)):
        with_options = click.option(
            f"--{option.name.replace('_', '-')}",
            type=type(option.default),
            default=option.default,
            show_default=True,
            help=option.metadata["help"],
        )(with_options)
    return with_options
