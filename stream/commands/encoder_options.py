"""The options of a run that say how windows are made and embedded."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

import click

from models.onnx_facts import Provider
from stream.config import Options
from stream.video.view import Geometry

T = TypeVar("T")

_FIELDS = Options.model_fields
_OPTIONS = (
    click.option(
        "--window",
        type=click.Choice(get_args(_FIELDS["window"].annotation)),
        default=_FIELDS["window"].default,
        show_default=True,
        help="Frames of a window @ frames a second.",
    ),
    click.option(
        "--stride-s",
        type=float,
        default=_FIELDS["stride_s"].default,
        show_default=True,
        help="From one window's start to the next.",
    ),
    click.option(
        "--geometry",
        type=click.Choice(get_args(Geometry)),
        default=_FIELDS["geometry"].default,
        show_default=True,
        help="How the picture becomes the encoder's square.",
    ),
    click.option(
        "--encoder-batch",
        type=int,
        default=_FIELDS["encoder_batch"].default,
        show_default=True,
        help="Windows embedded together, all of the one source of the run.",
    ),
    click.option(
        "--max-latency-s",
        type=float,
        help="Seconds of stream that a window waits for its batch.  [default: until it is full]",
    ),
    click.option(
        "--encoder-runtime",
        type=click.Choice(get_args(_FIELDS["encoder_runtime"].annotation)),
        default=_FIELDS["encoder_runtime"].default,
        show_default=True,
        help="What computes.",
    ),
    click.option(
        "--encoder-onnx",
        type=click.Path(path_type=Path),
        help="For onnx: a file that `models export-onnx` made.",
    ),
    click.option(
        "--onnx-provider",
        type=click.Choice(get_args(Provider)),
        default=_FIELDS["onnx_provider"].default,
        show_default=True,
        help="For onnx: where it runs; auto takes the fastest that works.",
    ),
)


def encoder_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a click command the options above, each named as its field of ``Options``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
