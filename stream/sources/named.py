"""A clip that a word on the command line names."""

from typing import NamedTuple

from stream.errors import SourceError


class Named(NamedTuple):
    """What is to be opened, or what it could not be looked for in."""

    spec: str
    """As ``stream.sources.clip.open_clip`` takes it."""
    fault: SourceError | None = None
    """Why it could not be found out which clips this stands for: it is not opened, this is its error."""
