"""The protocol of a calibration format; each is a module, and one line in ``table.py``."""

from typing import Protocol

from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics


class CalibrationFormat(Protocol):
    """How the files of one tool are read."""

    NAME: str
    """As ``run.json`` records it."""

    def recognises(self, document: Document) -> bool:
        """Whether a file is of this format, by something that no other format has."""
        ...

    def read(self, document: Document) -> Intrinsics:
        """Read a file of this format.

        Raises:
            IntrinsicsError: it is not complete, or holds another lens model; the message does not name the file.
        """
        ...
