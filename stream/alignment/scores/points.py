"""Named points that a person marked in a picture of the robot's camera and in the source picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from stream.alignment.warp.warp import Warped
from stream.errors import UsageError
from stream.pipeline.items import Float64

_REACH_PX: Final = 1.5
"""Largest distance in the source between a point and the nearest pixel that was drawn."""
_AROUND_PX: Final = 2
_PLANE_VALUES: Final = 6
"""Fewest pixels around a point that its position is interpolated from."""


class MarkedPoint(NamedTuple):
    """One point of the scene."""

    real_px: tuple[float, float]
    """x and y in the real picture."""
    source_px: tuple[float, float]
    """x and y in the source picture."""


Points = Mapping[str, MarkedPoint]


def read_points(path: Path, pictures: tuple[str, ...]) -> Mapping[str, Points]:
    """The points of each real picture by the name of its file.

    The JSON file has ``{"cup": {"real": [x, y], "source": [x, y]}, ...}`` for one picture, and for several such an
    object under the name of each.

    Raises:
        UsageError: the file cannot be read, has another form, or names a picture that is not among ``pictures``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--points {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--points {path} is not JSON") from error
    if not isinstance(content, dict):
        raise UsageError(f"--points {path} is not a JSON object of named points")
    if all(isinstance(each, dict) and "real" in each for each in content.values()):
        if len(pictures) > 1:
            raise UsageError(
                f"--points {path} has the points of one picture, but there are {len(pictures)}: put those of each "
                f"under the name of its file, such as {pictures[0]!r}"
            )
        content = {pictures[0]: content}
    unknown = [name for name in content if name not in pictures]
    if unknown:
        raise UsageError(f"--points {path} has points of {unknown[0]}, which --real does not name")
    return {name: _points(each, f"--points {path}: {name}") for name, each in content.items()}


def predicted_px(warped: Warped, source_px: tuple[float, float]) -> tuple[float, float] | None:
    """Where a point of the source picture is in the target picture, x and y; None if it was not drawn there.

    It is interpolated from the source positions of the pixels around the nearest one, by least squares on a plane.
    """
    wanted = np.array(source_px, np.float64)
    distance = np.linalg.norm(warped.source_xy - wanted.astype(np.float32), axis=2)
    distance[~warped.is_real] = np.inf
    y, x = np.unravel_index(int(np.argmin(distance)), distance.shape)
    if distance[y, x] > _REACH_PX:
        return None
    rows, columns = _around(int(y), distance.shape[0]), _around(int(x), distance.shape[1])
    grid_y, grid_x = np.mgrid[rows, columns]
    is_near = distance[rows, columns] <= 2 * _AROUND_PX
    if np.count_nonzero(is_near) < _PLANE_VALUES:
        return float(x), float(y)
    offsets: Float64 = warped.source_xy[rows, columns][is_near].astype(np.float64) - wanted
    design = np.column_stack([offsets, np.ones(len(offsets))])
    found, _, rank, _ = np.linalg.lstsq(design, np.column_stack([grid_x[is_near], grid_y[is_near]]), rcond=None)
    return (float(found[2, 0]), float(found[2, 1])) if rank == 3 else (float(x), float(y))


def shift_px(point: MarkedPoint, warped: Warped) -> float:
    """Distance between where a point is predicted and where it really is; NaN if it is not predicted."""
    predicted = predicted_px(warped, point.source_px)
    return float("nan") if predicted is None else float(np.hypot(*np.subtract(predicted, point.real_px)))


def _around(middle: int, size: int) -> slice:
    return slice(max(0, middle - _AROUND_PX), min(size, middle + _AROUND_PX + 1))


def _points(content: Any, place: str) -> Points:  # noqa: ANN401 - JSON
    if not isinstance(content, dict):
        raise UsageError(f"{place} is not an object of named points")
    return {name: _point(each, f"{place}: {name}") for name, each in content.items()}


def _point(content: Any, place: str) -> MarkedPoint:  # noqa: ANN401 - as above
    return MarkedPoint(_pixel(content, "real", place), _pixel(content, "source", place))


def _pixel(point: Any, key: str, place: str) -> tuple[float, float]:  # noqa: ANN401 - as above
    match point:
        case {**values}:
            match values.get(key):
                case [int() | float() as x, int() | float() as y] if np.isfinite([x, y]).all():
                    return float(x), float(y)
    raise UsageError(f'{place} has no pixel {key!r}: give {{"real": [x, y], "source": [x, y]}}')
