"""``.npy`` files that grow row by row and can be loaded at any time."""

import io
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from stream.errors import DamagedError
from stream.records.store.atomic import reading, replace_file

DTYPES: Final = ("<f4", "<f2", "<f8")
"""Dtypes of a run's arrays, in the order of ``RunLayout.arrays``."""


class GrowingArray:
    """An array on disk, new or resumed. Rows are written first, then the header that counts them.

    ``numpy.load`` reads as many rows as the header says, so a row that is still being written is invisible.
    numpy pads the header so that the length of its text does not change as axis 0 grows
    (``numpy.lib.format``, GROWTH_AXIS_MAX_DIGITS): it is overwritten in place.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        """Open or create the file.

        Raises:
            DamagedError: the file is not an array, or has rows of another shape or dtype.
        """
        self._row_shape = row_shape
        self._dtype = np.dtype(dtype)
        exists = path.exists() and path.stat().st_size > 0
        if not exists:
            replace_file(path, _header(self._dtype, (0, *row_shape)))  # with its header, or not there
        self._rows = self._existing_rows(path) if exists else 0
        self._file: BinaryIO = path.open("r+b", buffering=0)
        self._data_offset = self._write_header()

    def put(self, index: int, row: npt.NDArray[Any]) -> None:
        """Write row ``index``, converted to the declared dtype: the next one, or an existing one again.

        Raises:
            ValueError: if the row has another shape, or would leave a hole.
        """
        if row.shape != self._row_shape:
            raise ValueError(f"a row of shape {row.shape} in an array of rows {self._row_shape}")
        if index > self._rows:
            raise ValueError(f"row {index} would leave a hole after {self._rows} rows")
        data = np.ascontiguousarray(row, dtype=self._dtype).tobytes()
        self._pwrite(data, self._data_offset + index * len(data))
        if index == self._rows:
            self._rows += 1
            self._write_header()

    def close(self) -> None:
        """Make all rows durable, and close the file."""
        os.fsync(self._file.fileno())
        self._file.close()

    def _existing_rows(self, path: Path) -> int:
        existing = load(path)
        if existing.dtype != self._dtype or existing.shape[1:] != self._row_shape:
            wanted = f"{self._dtype} rows {self._row_shape}"
            raise DamagedError(path, f"it holds {existing.dtype} rows {existing.shape[1:]}, expected {wanted}")
        return len(existing)

    def _write_header(self) -> int:
        header = _header(self._dtype, (self._rows, *self._row_shape))
        self._pwrite(header, 0)
        return len(header)

    def _pwrite(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file.fileno(), view, offset)
            view, offset = view[written:], offset + written


def rows_in(paths: Iterable[Path]) -> int:
    """Number of rows that all of these arrays have; 0 if one is missing.

    Raises:
        DamagedError: one is not an array, or is shorter than its header says.
    """
    return min(len(load(path)) if path.exists() and path.stat().st_size else 0 for path in paths)


def cut_back(paths: Sequence[Path], rows: int, row_shapes: Sequence[Sequence[int]]) -> int:
    """Cut each of a run's arrays back to its first ``rows`` rows, even if its header is wrong or missing.

    Args:
        paths: As in ``RunLayout.arrays``.
        rows: An array without rows is removed.
        row_shapes: In the same order; empty if no row was ever written.

    Returns:
        How many of these rows all of them have: fewer if a file ends before them.
    """
    if not row_shapes:
        rows, row_shapes = 0, [()] * len(DTYPES)
    kinds = [(np.dtype(dtype), tuple(shape)) for dtype, shape in zip(DTYPES, row_shapes, strict=True)]
    left = min(rows, *(_rows_on_disk(path, *kind) for path, kind in zip(paths, kinds, strict=True)))
    for path, kind in zip(paths, kinds, strict=True):
        if left:
            _rewrite_header(path, left, *kind)
        else:
            path.unlink(missing_ok=True)
    return left


def load(path: Path) -> npt.NDArray[Any]:
    """The array in a file, memory-mapped and read-only.

    Raises:
        DamagedError: the file is not an array, or is shorter than its header says.
    """
    with reading(path):
        loaded: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    return loaded


def _rows_on_disk(path: Path, dtype: np.dtype[Any], row_shape: tuple[int, ...]) -> int:
    """Number of whole rows for which the file is long enough."""
    size = path.stat().st_size if path.exists() else 0
    return max(0, size - len(_header(dtype, (0, *row_shape)))) // _row_bytes(dtype, row_shape)


def _rewrite_header(path: Path, rows: int, dtype: np.dtype[Any], row_shape: tuple[int, ...]) -> None:
    """Write header and length for so many rows, durably."""
    header = _header(dtype, (rows, *row_shape))
    with path.open("r+b") as file:
        file.write(header)
        file.truncate(len(header) + rows * _row_bytes(dtype, row_shape))
        file.flush()
        os.fsync(file.fileno())


def _row_bytes(dtype: np.dtype[Any], row_shape: tuple[int, ...]) -> int:
    return dtype.itemsize * math.prod(row_shape)


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype.str, "fortran_order": False, "shape": shape})
    return header.getvalue()
