"""The options of a run that say how windows are made and embedded."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

import click

from models.encoders.onnx.encoder import Provider
from stream.commands.option import option
from stream.geometry.viewport import ResizeMode
from stream.video.sampling import Preset

T = TypeVar("T")

_WINDOWS = (
    option("--window", type=click.Choice(get_args(Preset)), help="Frames of a window @ frames a second."),
    option("--stride-s", type=float, help="From one window's start to the next."),
    option(
        "--encoder-batch",
        type=int,
        help="Windows embedded together, all of the one source of the run.  [default: by the GPU's memory, else 1]",
    ),
    option("--max-latency-s", type=float, help="A window waits no longer for its batch.  [default: until it is full]"),
)
_OPTIONS = (
    *_WINDOWS,
    option("--geometry", type=click.Choice(get_args(ResizeMode)), help="How the picture becomes the encoder's square."),
    option("--encoder-runtime", type=click.Choice(["torch", "onnx"]), help="What computes."),
    option("--encoder-onnx", type=click.Path(path_type=Path), help="For onnx: what `models export-onnx` made."),
    option("--onnx-provider", type=click.Choice(get_args(Provider)), help="For onnx; auto takes the first that works."),
)


def window_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a click command those that say which windows there are, and which go together."""
    for decorate in reversed(_WINDOWS):
        command = decorate(command)
    return command


def encoder_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a click command the options above, each named as its field of ``Options``."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command
