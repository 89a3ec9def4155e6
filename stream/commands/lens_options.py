"""The lens's options on a command line, the same for every command that rectifies."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from stream.config import Options

T = TypeVar("T")

_FIELDS = Options.model_fields
_OPTIONS = (
    click.option(
        "--intrinsics",
        type=click.Path(path_type=Path),
        help="Calibration.  [default: intrinsics.json beside the clip or its tar]",
    ),
    click.option(
        "--balance",
        type=click.FloatRange(0.0, 1.0),
        default=_FIELDS["balance"].default,
        show_default=True,
        help="0 keeps only what was seen everywhere, 1 the whole field of view.",
    ),
    click.option(
        "--fov-scale",
        type=click.FloatRange(0.0, min_open=True),
        default=_FIELDS["fov_scale"].default,
        show_default=True,
        help="Above 1 widens the rectified view.",
    ),
)


def lens_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a click command ``intrinsics``, ``balance`` and ``fov_scale``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
