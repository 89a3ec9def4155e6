"""The file that an HDF5 file is written to."""

from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

VERSIONS: Final = ("v110", "v110")
"""Oldest and newest HDF5 whose structures are used: attributes may exceed 64 KiB, and HDF5 1.10 reads them."""


class Hdf5Output(FileIO):
    """The file that HDF5 writes to, which keeps the first error of a write for :meth:`raise_error`.

    HDF5 cannot close a file that it cannot write, and crashes when the process ends. It is told that all is well,
    and what it writes after the error is dropped.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._error: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of ``data``."""
        rest = memoryview(data).cast("B")
        size_bytes = rest.nbytes
        try:
            while rest.nbytes and self._error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._error = error
        return size_bytes

    def truncate(self, size: int | None = None, /) -> int:
        """Set the size, in bytes."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return self.tell() if size is None else size

    def raise_error(self) -> None:
        """Raise the error of the first write that failed, an ``OSError``, if there is one."""
        if self._error is not None:
            raise self._error

    def __exit__(self, *about: object) -> None:
        """Close the file; raise what failed while HDF5 closed its own."""
        super().__exit__(*about)  # type: ignore[arg-type]
        self.raise_error()
