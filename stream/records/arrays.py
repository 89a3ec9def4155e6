"""``.npy`` files that grow by one row at a time and can be loaded at every instant."""

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt


class GrowingArray:
    """An array on disk. Rows are written first, then the header that counts them.

    ``numpy.load`` reads as many rows as the header says, so a row that is still being written is not seen.
    numpy pads the header so that the length of its text does not change as axis 0 grows
    (``numpy.lib.format``, GROWTH_AXIS_MAX_DIGITS): it is overwritten in place.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self._row_shape = row_shape
        self._dtype = np.dtype(dtype)
        self._rows = 0
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._data_offset = self._write_header()

    def append(self, row: npt.NDArray[Any]) -> None:
        """Add one row of the declared shape; it is converted to the declared dtype."""
        if row.shape != self._row_shape:
            raise ValueError(f"a row of shape {row.shape} in an array of rows {self._row_shape}")
        data = np.ascontiguousarray(row, dtype=self._dtype).tobytes()
        self._pwrite(data, self._data_offset + self._rows * len(data))
        self._rows += 1
        self._write_header()

    def sync(self) -> None:
        """Make all rows so far durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self.sync()
        self._file.close()

    def _write_header(self) -> int:
        header = io.BytesIO()
        fields = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._rows, *self._row_shape)}
        np.lib.format.write_array_header_1_0(header, fields)
        self._pwrite(header.getvalue(), 0)
        return header.tell()

    def _pwrite(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file.fileno(), view, offset)
            view, offset = view[written:], offset + written
