"""The options of ``align`` on the command line, in the environment and in TOML files.

Those that EgoHumanoid's ``viewport_transform_batch_h5.py`` has as well have its names, and also a spelling with dashes.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from stream.alignment.options import AlignOptions
from stream.alignment.viewpoint import DIRECTIONS
from stream.commands.option import own_option
from stream.commands.values import Choice, PathName, Real, Whole
from stream.errors import UsageError

T = TypeVar("T")

_PATH: Final = PathName()
_FARTHEST_M: Final = 10.0
_MOTION: Final = ("trajectory", "movement_distance_m", "movement_distance_noise_m")
_OUTPUT: Final = (
    own_option("--output_dir", "--output-dir", "output_dir", type=_PATH, required=True, help="Folder for the results."),
    own_option(
        "--save_h5", "--save-h5", "save_h5", is_flag=True, help="Write an HDF5 episode, not a folder of pictures."
    ),
)
_MOVEMENT: Final = (
    own_option(
        "--movement_distance",
        "--movement-distance",
        "movement_distance_m",
        type=Real(-_FARTHEST_M, _FARTHEST_M),
        default=0.1,
        show_default=True,
        help="How far it moves, in metres.",
    ),
    own_option(
        "--movement_distance_noise",
        "--movement-distance-noise",
        "movement_distance_noise_m",
        type=Real(0.0, _FARTHEST_M),
        default=0.0,
        show_default=True,
        help="Largest random change of that distance, in metres, drawn once an episode.",
    ),
    own_option(
        "--pose",
        type=_PATH,
        metavar="FILE",
        help="JSON with a 4x4 matrix in place of a trajectory: coordinates in the robot's camera from those in the "
        "person's, metres, x right, y down, z forward.",
    ),
)
_VIEW: Final = (
    own_option(
        "--image_key",
        "--image-key",
        "image_key",
        default="observation_image_left",
        show_default=True,
        help="Data set of the pictures: (N,) of JPEG bytes, or (N, H, W, 3) uint8, BGR.",
    ),
    own_option(
        "--trajectory",
        type=Choice(list(DIRECTIONS)),
        default="down",
        show_default=True,
        help="Direction in which the camera moves along its own axes, without turning.",
    ),
    own_option("--seed", type=Whole(0, 2**31 - 1), default=42, show_default=True, help="Seed of all that is random."),
    own_option(
        "--target-camera",
        "target_camera",
        type=_PATH,
        metavar="FILE",
        show_default="the source's",
        help="JSON of the robot's pinhole camera and the size of its pictures.",
    ),
    own_option(
        "--intrinsics",
        type=_PATH,
        metavar="FILE",
        show_default="that of a rectified video or a run",
        help="JSON of the pinhole camera of the pictures.",
    ),
    own_option(
        "--intrinsics_key",
        "--intrinsics-key",
        "intrinsics_key",
        metavar="NAME",
        help="Data set with its 3x3 camera matrix instead.",
    ),
    own_option(
        "--depth_key",
        "--depth-key",
        "depth_key",
        metavar="NAME",
        help="Data set of the depth, (N, H, W): floats in metres, or uint16 in millimetres.",
    ),
    own_option(
        "--depth-model",
        "depth_model",
        metavar="MODEL",
        help="Model that estimates the depth instead: a folder or hub name of a depth model of transformers, or an "
        "ONNX file with its description beside it.",
    ),
    own_option(
        "--depth-scale",
        "depth_scale",
        type=Real(1e-6, 1e6),
        help="Metres in one unit of the depth, for depth that is relative, or metric with a known error.",
    ),
    own_option(
        "--camera_pose_key",
        "--camera-pose-key",
        "camera_pose_key",
        metavar="NAME",
        help="Data set of the camera's poses, (N, 4, 4), world from camera, in metres; holes are then filled from "
        "other frames without an estimate of its motion.",
    ),
    own_option(
        "--batch_size",
        "--batch-size",
        "batch_size",
        type=Whole(1, 4096),
        default=1,
        show_default=True,
        help="Frames that a depth model gets at a time.",
    ),
    own_option(
        "--inpaint-model",
        "inpaint_model",
        metavar="MODEL",
        show_default="smooth colours",
        help="Model that paints what no frame shows: LaMa as an ONNX file, or the folder of an inpainting pipeline of "
        "diffusers.",
    ),
    own_option("--prompt", default="", help="What the pictures show, for a model that fills holes and takes a text."),
    own_option(
        "--protect",
        metavar="REGION",
        help="What must not be lost: a data set of masks, (N, H, W), or a run directory, for the boxes of its objects.",
    ),
)
"""What decides the pictures at a given distance."""
_RULES: Final = (
    own_option(
        "--on-violation",
        "on_violation",
        type=Choice(["keep", "drop", "fail"]),
        default="keep",
        show_default=True,
        help="What becomes of frames that lose more than 1% of it: keep them, leave them out, or refuse the episode.",
    ),
    own_option("--license", "licence", help="Licence of the pictures, for the record, such as apache-2.0."),
    own_option("--overwrite", is_flag=True, help="Replace results that were made with other options."),
)


def align_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the options of an alignment; it takes them as ``options``."""
    return _with_options(command, (*_OUTPUT, *_MOVEMENT, *_VIEW, *_RULES))


def trial_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command that tries several distances, and writes no episode, the other options of an alignment."""
    return _with_options(command, _VIEW, output_dir=Path())


def chosen_distances(text: str) -> Sequence[float]:
    """The distances of ``--distances``, such as ``0.03,0.07,0.10``, in metres, each once, in ascending order.

    Raises:
        UsageError: it is no list of numbers, or one is beyond 10 m.
    """
    try:
        distances_m = sorted({float(word) for word in text.split(",")})
    except ValueError as error:
        raise UsageError(f"--distances {text} is no list of numbers: give metres, such as 0.03,0.07,0.10") from error
    for distance_m in distances_m:
        if not abs(distance_m) <= _FARTHEST_M:
            raise UsageError(f"--distances {text}: {distance_m:g} m is too far: give at most {_FARTHEST_M:g} m")
    return distances_m


def _with_options(
    command: Callable[..., T], options: Sequence[Callable[..., Any]], **fixed: object
) -> Callable[..., T]:
    @wraps(command)
    def with_options(**arguments: Any) -> T:  # noqa: ANN401 - click's values
        _require_one_motion(click.get_current_context())
        names = AlignOptions.model_fields.keys() & arguments.keys()
        chosen = {name: arguments.pop(name) for name in names}
        return command(options=AlignOptions(**{**fixed, **chosen}), **arguments)

    for option in reversed(options):
        with_options = option(with_options)
    return with_options


def _require_one_motion(ctx: click.Context) -> None:
    """A pose says all of the motion.

    Raises:
        UsageError: an option that moves the camera is set beside ``--pose``.
    """
    if ctx.params.get("pose") is None:
        return
    for param in ctx.command.params:
        name = str(param.name)
        if name in _MOTION and ctx.get_parameter_source(name) != ParameterSource.DEFAULT:
            raise UsageError(f"--pose says where the camera is, and {param.opts[0]} moves it, too: omit one of them")
