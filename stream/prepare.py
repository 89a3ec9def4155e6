"""Everything that can be found wrong before the first frame is decoded, is found here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.choice import choose
from models.errors import ModelUnavailableError
from stream.config import Options
from stream.errors import IntrinsicsError, ModelMissingError
from stream.video.source import Source


@dataclass(frozen=True)
class Prepared:
    """A run that may begin."""

    options: Options
    """With every ``auto`` resolved: the calibration's file, the encoder and where its weights lie."""
    source: Source
    duration_s: float | None
    """What the container promises."""
    stream: dict[str, Any]
    """Facts of the video stream, for ``run.json``."""
    intrinsics: dict[str, Any] | None
