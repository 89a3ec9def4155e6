"""The options of ``export`` on the command line, in the environment and in TOML files."""

import os
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, Final, TypeVar

import click

from exporters.dataset.options import ExportOptions
from stream.commands.option import own_option
from stream.commands.values import VIDEO_CODEC, Choice, PathName, Real, Whole
from stream.errors import UsageError

T = TypeVar("T")


class _Video(Choice):
    """The kind of pictures; the robot's view, which is planned, is refused with its reason."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        try:
            return super().convert(value, param, ctx)
        except UsageError as error:
            if value != "robot":
                raise
            raise UsageError(f"{error}, because the robot's view does not exist in this version") from error


_OPTIONS: Final = (
    own_option(
        "--select",
        type=Choice(["all", "typical", "anomalous", "described"]),
        default="all",
        show_default=True,
        help="Segments to export.",
    ),
    own_option("--where", help="Condition on segments, such as: score_max > 0.12 and 'screw' in words"),
    own_option(
        "--video",
        "picture",
        type=_Video(["rectified", "raw"]),
        default="rectified",
        show_default=True,
        help="Pictures as the run saw them, or as the camera recorded them.",
    ),
    own_option("--fps", type=Whole(1, 240), show_default="the first clip's, rounded", help="Frames a second."),
    own_option(
        "--size", "longest_px", type=Whole(32, 16384), show_default="the clip's", help="Longest side in pixels."
    ),
    own_option("--codec", type=VIDEO_CODEC, default="h264", show_default=True, help="Video codec."),
    own_option(
        "--crf", type=Real(0.0, 51.0), show_default="23 for h264, 26 for hevc, 32 for av1", help="Constant rate factor."
    ),
    own_option("--gop", type=Whole(1, 1000), show_default="half a second", help="Frames between keyframes."),
    own_option(
        "--longest-s",
        type=Real(1.0, 900.0),
        default=300.0,
        show_default=True,
        help="Longest episode, in seconds; a longer segment becomes several.",
    ),
    own_option(
        "--val-fraction",
        type=Real(0.0, 0.9),
        default=0.0,
        show_default=True,
        help="Share of the workers whose clips are for validation.",
    ),
    own_option("--seed", type=Whole(0, 2**31 - 1), default=0, show_default=True, help="Seed for choosing them."),
    own_option(
        "--language",
        type=Choice(["columns", "subtask", "none"]),
        default="columns",
        show_default=True,
        help="lerobot: subtasks for 0.6 and later, for 0.4 and 0.5, or not at all; lerobot21 has them unless none.",
    ),
    own_option("--license", "licence", default="", help="Licence of the clips, for the record, such as apache-2.0."),
    own_option(
        "--workers",
        type=Whole(1, 64),
        default=max(1, (os.cpu_count() or 2) // 2),
        show_default="half the cores",
        help="Clips to cut at a time.",
    ),
    own_option("--annotation", metavar="NAME", show_default="the latest", help="Annotation whose words are exported."),
    own_option("--clips", type=PathName(), help="Folder with clips that were moved or copied."),
)


def export_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the options of an export; it takes them as ``options``."""

    @wraps(command)
    def with_options(**arguments: Any) -> T:  # noqa: ANN401 - click's values
        values = {each.name: arguments.pop(each.name) for each in fields(ExportOptions)}
        return command(options=ExportOptions(**values), **arguments)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
