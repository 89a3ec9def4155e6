"""Clip encoders by name: which one a run uses is decided once, and a wish that cannot be met is an error."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.encoders.encoder import FRAMES, TILE_PX, ClipEncoder
from models.encoders.grid import GridEncoder
from models.encoders.onnx.encoder import PACKAGES, OnnxEncoder
from models.encoders.onnx.facts import check_fits, read_facts
from models.encoders.onnx.provider import Provider
from models.encoders.vjepa2 import encoder as vjepa2
from models.errors import ModelUnavailableError
from models.packages import require_packages
from models.weights.hub.fetch import Report, unreported
from models.weights.weights import locate, weights_sha256


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


def make_encoder(
    kind: str,
    model: str | Path | None = None,
    *,
    frames: int = FRAMES,
    onnx: Path | None = None,
    provider: Provider = "auto",
    memory_bytes: int | None = None,
) -> ClipEncoder:
    """Make the encoder called ``kind`` from what is on this machine; nothing is fetched.

    Args:
        kind: a key of ``ENCODERS``.
        model: a folder or a hub name of weights; None for the encoder's own default.
        frames: T, the frames of a window.
        onnx: what it was exported to, to be run by ONNX Runtime; None to run the weights by PyTorch.
        provider: what of ONNX Runtime runs it.
        memory_bytes: the most that ONNX Runtime may take of a GPU; torch is told by
        ``models.memory.vram.limit_process``.

    Raises:
        ValueError: no encoder is called that, or it cannot take ``model`` or ``frames``.
        ModelUnavailableError: its packages, its weights or the provider are not there.
        MemoryError: it does not fit into the device's memory.
    """
    if kind not in ENCODERS:
        raise ValueError(f"there is no encoder {kind!r}: expected one of {', '.join(ENCODERS)}")
    if onnx is None:
        return ENCODERS[kind](model, frames)
    _refuse_onnx(kind, onnx)
    return OnnxEncoder(onnx, frames, provider, memory_bytes)


def choose(
    kind: str = "auto",
    model: str | Path | None = None,
    *,
    frames: int = FRAMES,
    onnx: Path | None = None,
    revision: str | None = None,
    allow_download: bool = True,
    report: Report = unreported,
) -> Choice:
    """Settle which encoder a run uses, and see that it can be made, before anything heavy is imported.

    ``auto`` is V-JEPA 2: what a run says must not hang on what happens to be installed, so nothing takes its place in
    silence.

    Args:
        kind: ``auto`` or a key of ``ENCODERS``.
        model: a folder or a hub name of weights; None for the encoder's own default. Beside ``onnx`` they are not
            needed, but must be those that were exported.
        frames: T, the frames of a window.
        onnx: what the encoder was exported to; None to run the weights by PyTorch.
        revision: branch, tag or commit of the weights on the hub.
        allow_download: whether the weights may be fetched.
        report: hears how far the fetching is.

    Raises:
        ValueError: no encoder is called that, or it cannot take ``model`` or ``onnx``.
        ModelUnavailableError: its packages or its weights are not there.
    """
    if onnx is not None:
        _refuse_onnx(kind, onnx)
        folder = None
        if model is not None:
            folder = locate(model, revision=revision, allow_download=allow_download, report=report)
        return _exported(onnx, frames, folder)
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


def _exported(file: Path, frames: int, folder: Path | None) -> Choice:
    require_packages(PACKAGES, extra="onnx")
    facts = read_facts(file)
    check_fits(file, facts, frames, None if folder is None else weights_sha256(folder))
    return Choice("vjepa2", None if folder is None else str(folder), facts.tile_px)


def _refuse_onnx(kind: str, onnx: Path) -> None:
    if kind not in ("auto", "vjepa2"):
        raise ValueError(f"the {kind} encoder is not run by ONNX Runtime: {onnx} cannot be loaded into it")


def _refuse_weights(model: str | Path | None) -> None:
    if model is not None:
        raise ValueError(f"the grid encoder has no weights: model {str(model)!r} cannot be loaded into it")
