"""The JSON of Egocentric-10K and -100K, which the published clips have beside them: ``intrinsics.json``.

Eleven flat keys: ``model`` ("fisheye"), ``image_width``, ``image_height``, ``fx fy cx cy`` in pixels and ``k1 k2 k3
k4`` (the data sets' cards). Other keys are ignored. A mapping of no other format counts as an incomplete one of this.
"""

from pydantic import ValidationError

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.document import Document
from stream.geometry.intrinsics import Intrinsics, problem_of

NAME = "Egocentric JSON"


def recognises(document: Document) -> bool:
    """Whether it is a mapping; this format is the last of the table."""
    return document.content is not None


def read(document: Document) -> Intrinsics:
    """Read the eleven keys."""
    try:
        return Intrinsics.model_validate(document.content)
    except ValidationError as error:
        raise IntrinsicsError(problem_of(error, tuple(Intrinsics.model_fields))) from error
