"""A matrix of numbers as ROS and OpenCV write it, and the values of a camera matrix."""

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.errors import IntrinsicsError

Pair: TypeAlias = tuple[float, float]


class Matrix(BaseModel):
    """Numbers in rows; other keys, such as OpenCV's ``dt``, are ignored."""

    model_config = ConfigDict(strict=True)

    rows: int = Field(gt=0)
    cols: int = Field(gt=0)
    data: list[float]


def matrix_of(content: object, key: str) -> Matrix:
    """The matrix under ``key``.

    Raises:
        IntrinsicsError: it is not a matrix, or its shape and the number of its values differ.
    """
    try:
        matrix = Matrix.model_validate(content)
    except ValidationError as error:
        raise IntrinsicsError(f"{key!r} is not a matrix of numbers with rows, cols and data") from error
    if len(matrix.data) != matrix.rows * matrix.cols:
        raise IntrinsicsError(f"{key!r} has {len(matrix.data)} numbers, but {matrix.rows} rows and {matrix.cols} cols")
    return matrix


def focal_and_centre(camera: Matrix, key: str) -> tuple[Pair, Pair]:
    """fx and fy, and cx and cy, of a 3x3 camera matrix.

    Raises:
        IntrinsicsError: it has another shape, is skewed, or is not a camera matrix.
    """
    if (camera.rows, camera.cols) != (3, 3):
        raise IntrinsicsError(f"{key!r} is {camera.rows}x{camera.cols}, but a camera matrix is 3x3")
    fx, skew, cx, *lower = camera.data
    if skew != 0.0:
        raise IntrinsicsError(f"{key!r} has the skew {skew:g}, but only cameras without skew can be read")
    if (lower[0], *lower[3:]) != (0.0, 0.0, 0.0, 1.0):
        raise IntrinsicsError(f"{key!r} is not a camera matrix: its rows must be (fx 0 cx), (0 fy cy) and (0 0 1)")
    return (fx, lower[1]), (cx, lower[2])
