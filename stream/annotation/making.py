"""The annotator that a run's options name."""

from models.annotator import Annotator
from stream.config import Options
from stream.errors import ModelMissingError


def make(options: Options) -> Annotator:
    """Make the annotator of a run from what is on this machine.

    Raises:
        ModelMissingError: its packages, its weights or its server are not there.
    """
    raise ModelMissingError(f"there is no annotator {options.annotator!r}")
