"""``.npy`` files that grow by one row at a time and can be loaded at every instant."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt


class GrowingArray:
    """An array on disk, new or gone on with. Rows are written first, then the header that counts them.

    ``numpy.load`` reads as many rows as the header says, so a row that is still being written is not seen.
    numpy pads the header so that the length of its text does not change as axis 0 grows
    (``numpy.lib.format``, GROWTH_AXIS_MAX_DIGITS): it is overwritten in place.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        """Open or create the file.

        Raises:
            ValueError: if an array of other rows lies there.
        """
        self._row_shape = row_shape
        self._dtype = np.dtype(dtype)
        begun = path.exists() and path.stat().st_size > 0
        self._rows = self._rows_there(path) if begun else 0
        self._file: BinaryIO = path.open("r+b" if begun else "wb", buffering=0)
        self._data_offset = self._write_header()

    def put(self, index: int, row: npt.NDArray[Any]) -> None:
        """Write row ``index``, converted to the declared dtype: the next one, or one that is there, over again.

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

    def _rows_there(self, path: Path) -> int:
        there = _load(path)
        if there.dtype != self._dtype or there.shape[1:] != self._row_shape:
            wanted = f"{self._dtype} rows {self._row_shape}"
            raise ValueError(f"{path} holds {there.dtype} rows {there.shape[1:]}, expected {wanted}")
        return len(there)

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
    """Rows that all of these arrays have; 0 where one is missing."""
    return min(len(_load(path)) if path.exists() and path.stat().st_size else 0 for path in paths)


def shorten(path: Path, rows: int) -> None:
    """Let an array that lies there have no more than ``rows`` rows."""
    if not path.exists() or not path.stat().st_size:
        return
    there = _load(path)
    if len(there) > rows:
        with path.open("r+b", buffering=0) as file:
            file.write(_header(there.dtype, (rows, *there.shape[1:])))
            os.fsync(file.fileno())


def _load(path: Path) -> npt.NDArray[Any]:
    loaded: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return loaded


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype.str, "fortran_order": False, "shape": shape})
    return header.getvalue()
