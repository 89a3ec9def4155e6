"""Describes an encoder that is not loaded yet: the type of a row in ``models.encoders.table``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from models.encoders.encoder import ENCODER_PX, ClipEncoder
from models.memory.vram import Need

RandomSize: TypeAlias = Literal["random", "random-small"]
"""Random weights for benchmarks: as large as the default model, or small enough for a CPU."""


@dataclass(frozen=True, slots=True)
class EncoderProfile:
    """Input, output and memory of an encoder, for windows of one length."""

    dims: int
    """D, numbers in an embedding."""
    encoder_px: int = ENCODER_PX
    """Side of the square frames that it takes, pixels."""
    window_flop: int | None = None
    """Floating point operations of one window; None where they were never counted."""
    vram: Need | None = None
    """GPU memory; None where the encoder runs on the CPU."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """A row of the table of encoders. Reading one imports nothing heavy."""

    load: Callable[[Path | None, int], ClipEncoder]
    """Load the encoder from the folder of its weights (None without weights), for windows of so many frames. Packages
    and weights have been checked.

    Raises ``ValueError`` for a number of frames that it cannot take, ``ModelUnavailableError`` for weights that it
    cannot load, ``MemoryError`` where it does not fit into the device's memory.
    """
    profile: Callable[[Path | None, int], EncoderProfile]
    """Describe the encoder from its configuration alone; the same arguments.

    Raises ``ModelUnavailableError`` if the folder holds another model.
    """
    default_model: str | None = None
    """Hub name of the weights, ``owner/name@commit``; None for an encoder without weights."""
    packages: tuple[str, ...] = ()
    """Python packages that it needs, beyond those that are always installed."""
    extra: str = ""
    """The extra of ``pyproject.toml`` that brings them."""
    exports_onnx: bool = False
    """Whether ``models export-onnx`` exports it, so that ONNX Runtime can run it."""
    save_random: Callable[[Path, RandomSize], Path] | None = None
    """Write random weights to a folder, and return it; None where nothing does."""

    @property
    def has_weights(self) -> bool:
        """Whether it has learned weights, which are downloaded, take GPU memory and are worth sharing between runs."""
        return self.default_model is not None
