"""The JSON of Egocentric-10K and -100K, which the published clips have beside them: ``intrinsics.json``.

Flat keys: ``model`` ("fisheye", or another lens model of ``lenses/table.py``), ``image_width``, ``image_height``, ``fx
fy cx cy`` in pixels and the lens coefficients, ``k1 k2 k3 k4`` for the fisheye (the data sets' cards). Other keys are
ignored. A mapping of no other format counts as an incomplete one of this.
"""

from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.table import intrinsics_from

NAME = "Egocentric JSON"


def recognises(document: Document) -> bool:
    """Whether it is a mapping; this format is the last of the table."""
    return document.content is not None


def read(document: Document) -> Intrinsics:
    """Read the keys of its lens model."""
    return intrinsics_from(document.content or {})
