"""Clip encoders by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from models.encoder import FRAMES, ClipEncoder
from models.grid import GridEncoder


def _grid(model: str | Path | None, frames: int) -> ClipEncoder:
    if model is not None:
        raise ValueError(f"the grid encoder has no weights: model {str(model)!r} cannot be loaded into it")
    return GridEncoder(frames)


ENCODERS: Final[dict[str, Callable[[str | Path | None, int], ClipEncoder]]] = {"grid": _grid}


def make_encoder(kind: str, model: str | Path | None = None, *, frames: int = FRAMES) -> ClipEncoder:
    """Make the encoder called ``kind``.

    Args:
        kind: a key of ``ENCODERS``.
        model: a folder or a hub name of weights; None for the encoder's own default.
        frames: T, the frames of a window.

    Raises:
        ValueError: no encoder is called that, or it cannot take ``model`` or ``frames``.
        ModelUnavailableError: its packages or its weights are not there.
    """
    if kind not in ENCODERS:
        raise ValueError(f"there is no encoder {kind!r}: expected one of {', '.join(ENCODERS)}")
    return ENCODERS[kind](model, frames)
