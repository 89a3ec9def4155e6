"""``.npy`` files that grow by one row at a time and can be loaded at every instant."""

import io
import os
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
        self._rows = self._rows_there(path) if path.exists() else 0
        self._file: BinaryIO = path.open("r+b" if path.exists() else "wb", buffering=0)
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

    def sync(self) -> None:
        """Make all rows so far durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self.sync()
        self._file.close()

    def _rows_there(self, path: Path) -> int:
        there = np.load(path, mmap_mode="r", allow_pickle=False)
        if there.dtype != self._dtype or there.shape[1:] != self._row_shape:
            wanted = f"{self._dtype} rows {self._row_shape}"
            raise ValueError(f"{path} holds {there.dtype} rows {there.shape[1:]}, expected {wanted}")
        return len(there)

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
