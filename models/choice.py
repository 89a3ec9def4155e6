"""Clip encoders by name: which one a run uses is decided once, and a wish that cannot be met is an error."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models import vjepa2
from models.encoder import FRAMES, TILE_PX, ClipEncoder
from models.errors import ModelUnavailableError
from models.fetch import Report, unreported
from models.grid import GridEncoder
from models.packages import require_packages
from models.weights import locate


@dataclass(frozen=True, slots=True)
class Choice:
    """Arguments for ``make_encoder``, small enough to hand to another process."""

    kind: str
    model: str | None
    """Folder of the weights; None where there are none."""
    tile_px: int = TILE_PX
    """Side of the tiles that it takes."""


def _grid(model: str | Path | None, frames: int) -> ClipEncoder:
    _refuse_weights(model)
    return GridEncoder(frames)


def _vjepa2(model: str | Path | None, frames: int) -> ClipEncoder:
    require_packages(vjepa2.PACKAGES, extra="vjepa")
    return vjepa2.VJepa2Encoder(locate(model or vjepa2.HUB_NAME, allow_download=False), frames)


ENCODERS: Final[dict[str, Callable[[str | Path | None, int], ClipEncoder]]] = {"grid": _grid, "vjepa2": _vjepa2}


def make_encoder(kind: str, model: str | Path | None = None, *, frames: int = FRAMES) -> ClipEncoder:
    """Make the encoder called ``kind`` from what is on this machine; nothing is fetched.

    Args:
        kind: a key of ``ENCODERS``.
        model: a folder or a hub name of weights; None for the encoder's own default.
        frames: T, the frames of a window.

    Raises:
        ValueError: no encoder is called that, or it cannot take ``model`` or ``frames``.
        ModelUnavailableError: its packages or its weights are not there.
        MemoryError: it does not fit into the device's memory.
    """
    if kind not in ENCODERS:
        raise ValueError(f"there is no encoder {kind!r}: expected one of {', '.join(ENCODERS)}")
    return ENCODERS[kind](model, frames)


def choose(
    kind: str = "auto",
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    allow_download: bool = True,
    report: Report = unreported,
) -> Choice:
    """Settle which encoder a run uses, and see that it can be made, before anything heavy is imported.

    ``auto`` is V-JEPA 2: what a run says must not hang on what happens to be installed, so nothing takes its place in
    silence.

    Args:
        kind: ``auto`` or a key of ``ENCODERS``.
        model: a folder or a hub name of weights; None for the encoder's own default.
        revision: branch, tag or commit of the weights on the hub.
        allow_download: whether the weights may be fetched.
        report: hears how far the fetching is.

    Raises:
        ValueError: no encoder is called that, or it cannot take ``model``.
        ModelUnavailableError: its packages or its weights are not there.
    """
    match kind:
        case "grid":
            _refuse_weights(model)
            return Choice("grid", None)
        case "auto" | "vjepa2":
            folder = _fetched_vjepa2(model, revision, allow_download=allow_download, report=report)
            return Choice("vjepa2", str(folder), vjepa2.tile_px(folder))
        case _:
            raise ValueError(f"there is no encoder {kind!r}: expected one of auto, {', '.join(ENCODERS)}")


def _fetched_vjepa2(model: str | Path | None, revision: str | None, *, allow_download: bool, report: Report) -> Path:
    try:
        require_packages(vjepa2.PACKAGES, extra="vjepa")
        folder = locate(model or vjepa2.HUB_NAME, revision=revision, allow_download=allow_download, report=report)
        vjepa2.check_architecture(folder)
    except ModelUnavailableError as error:
        raise ModelUnavailableError(f"{error}; or choose --encoder grid, which needs no weights") from error
    return folder


def _refuse_weights(model: str | Path | None) -> None:
    if model is not None:
        raise ValueError(f"the grid encoder has no weights: model {str(model)!r} cannot be loaded into it")
