"""The table of encoders, and the functions that choose and make one by its name.

An encoder is one module with the protocol of ``models.encoders.encoder`` and one line in ``ENCODERS``. Everything that
depends on which encoder a run uses reads its row there: options, weights, the VRAM plan, the doctor, benchmarks.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from models.encoders.encoder import ENCODER_PX, FRAMES, ClipEncoder
from models.encoders.onnx import encoder as onnx_runtime
from models.encoders.onnx.facts import check_fits, onnx_need, read_facts
from models.encoders.spec import EncoderProfile, EncoderSpec
from models.encoders.vjepa2 import encoder as vjepa2
from models.errors import ModelUnavailableError
from models.packages import require_packages
from models.weights.fetch import Report, unreported
from models.weights.weights import locate, weights_sha256


def _load_grid(_: Path | None, frames: int) -> ClipEncoder:
    from models.encoders.grid import GridEncoder  # it imports OpenCV, which most readers of this table do not need

    return GridEncoder(frames)


ENCODERS: Final[dict[str, EncoderSpec]] = {
    "grid": EncoderSpec(load=_load_grid, profile=lambda *_: EncoderProfile(dims=1024, encoder_px=64)),
    "vjepa2": vjepa2.SPEC,
}
AUTO: Final = "vjepa2"
"""The encoder that ``auto`` selects if its packages are installed. If they are and its weights are missing, the run
stops: what is installed says what is wanted."""
WHY_NOT_AUTO: Final = f"auto: the extra {vjepa2.SPEC.extra} is not installed"
"""Why ``auto`` selects ``WEIGHTLESS``, for every record."""
WEIGHTLESS: Final = "grid"
"""The encoder to use without weights, which ``auto`` selects without those packages."""


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """The encoder of a run, settled: its name, the folder of its weights and the size of its input."""

    kind: str
    """A key of ``ENCODERS``."""
    model: str | None
    """Folder of the weights; None where there are none."""
    encoder_px: int = ENCODER_PX
    """Side of the frames that it takes."""
    onnx_sha256: str | None = None
    """Digest of the exported model; None where the weights themselves are run."""
    reason: str | None = None
    """Why ``auto`` did not select ``AUTO``; None for every other choice."""


def encoder_names() -> tuple[str, ...]:
    """The names that a user may give: ``auto`` and every row of the table."""
    return ("auto", *ENCODERS)


def selected(kind: str, model: str | Path | None = None, onnx: Path | None = None) -> str:
    """The name of an encoder; for ``auto`` that of the one that it selects, which is ``AUTO`` if weights are named."""
    if kind != "auto":
        return kind
    return AUTO if model is not None or onnx is not None or are_packages_installed(AUTO) else WEIGHTLESS


def encoder_spec(kind: str) -> EncoderSpec:
    """The row of an encoder; ``auto`` is the one that it selects.

    Raises:
        ValueError: no encoder has that name.
    """
    name = selected(kind)
    if name not in ENCODERS:
        raise ValueError(f"there is no encoder {kind!r}: expected one of {', '.join(encoder_names())}")
    return ENCODERS[name]


def make_encoder(
    kind: str,
    model: str | Path | None = None,
    *,
    frames: int = FRAMES,
    onnx: Path | None = None,
    provider: onnx_runtime.Provider = "auto",
    memory_bytes: int | None = None,
) -> ClipEncoder:
    """Make the encoder named ``kind`` from what is on this machine; nothing is fetched.

    Args:
        kind: a key of ``ENCODERS``.
        model: folder or hub name of the weights; None for the encoder's default.
        frames: T, frames in a window.
        onnx: an exported graph for ONNX Runtime; None to run the weights themselves.
        provider: execution provider of ONNX Runtime.
        memory_bytes: GPU memory that ONNX Runtime may take at most; torch is limited by
            ``models.memory.vram.limit_process``.

    Raises:
        ValueError: no encoder has that name, or it cannot take ``model``, ``onnx`` or ``frames``.
        ModelUnavailableError: its packages, its weights or the provider are missing.
        MemoryError: it does not fit into the device's memory.
    """
    if kind not in ENCODERS:
        raise ValueError(f"there is no encoder {kind!r}: expected one of {', '.join(ENCODERS)}")
    spec = ENCODERS[kind]
    if onnx is not None:
        _require_onnx(kind, spec, onnx)
        return onnx_runtime.OnnxEncoder(onnx, frames, provider, memory_bytes)
    _require_weights(kind, spec, model)
    require_packages(spec.packages, extra=spec.extra)
    folder = locate(model or spec.default_model, allow_download=False) if spec.default_model else None
    return spec.load(folder, frames)


def choose(
    kind: str = "auto",
    model: str | Path | None = None,
    *,
    frames: int = FRAMES,
    onnx: Path | None = None,
    revision: str | None = None,
    allow_download: bool = True,
    report: Report = unreported,
) -> EncoderChoice:
    """Settle which encoder a run uses, and check that it can be made, before anything heavy is imported.

    Args:
        kind: ``auto`` or a key of ``ENCODERS``.
        model: folder or hub name of the weights; None for the encoder's default. Beside ``onnx`` they are optional,
            but must be the weights that were exported.
        frames: T, frames in a window.
        onnx: an exported graph for ONNX Runtime; None to run the weights themselves.
        revision: branch, tag or commit of the weights on the hub.
        allow_download: whether weights may be fetched.
        report: receives the progress of the download.

    Raises:
        ValueError: no encoder has that name, or it cannot take ``model`` or ``onnx``.
        ModelUnavailableError: its packages or its weights are missing.
    """
    name = selected(kind, model, onnx)
    spec = encoder_spec(name)
    if onnx is not None:
        _require_onnx(name, spec, onnx)
        exported_from = None
        if model is not None:
            exported_from = locate(model, revision=revision, allow_download=allow_download, report=report)
        return _choose_exported(name, onnx, frames, exported_from)
    _require_weights(name, spec, model)
    try:
        require_packages(spec.packages, extra=spec.extra)
        folder = None
        if wanted := weights_of(name, model):
            folder = locate(wanted, revision=revision, allow_download=allow_download, report=report)
        profile = spec.profile(folder, frames)
    except ModelUnavailableError as error:
        raise ModelUnavailableError(
            f"the encoder {name} is not available, and --encoder {WEIGHTLESS} needs no weights: {error}"
        ) from error
    reason = WHY_NOT_AUTO if kind == "auto" and name != AUTO else None
    return EncoderChoice(name, None if folder is None else str(folder), profile.encoder_px, reason=reason)


def weights_of(kind: str, model: str | Path | None = None) -> str | Path | None:
    """Hub name or folder of the weights that an encoder loads: ``model``, else its default; None without weights.

    Raises:
        ValueError: no encoder has that name.
    """
    spec = encoder_spec(selected(kind, model))
    return (model or spec.default_model) if spec.has_weights else None


def profile_of(
    kind: str,
    model: str | Path | None,
    *,
    frames: int = FRAMES,
    onnx: Path | None = None,
    provider: onnx_runtime.Provider = "auto",
) -> EncoderProfile | None:
    """Input, output and memory of a run's encoder; None while its weights are not known.

    Raises:
        ValueError: no encoder has that name.
        ModelUnavailableError: its configuration cannot be read.
    """
    spec = encoder_spec(kind)
    if onnx is not None:
        facts = read_facts(onnx)
        need = None if provider == "cpu" else onnx_need(facts)
        return EncoderProfile(facts.dims, facts.encoder_px, facts.shape.flop(facts.frames), need)
    if spec.has_weights and model is None:
        return None
    return spec.profile(None if model is None else Path(model), frames)


def are_packages_installed(kind: str) -> bool:
    """Whether the packages of an encoder are installed; they are not imported."""
    return all(find_spec(name) for name in encoder_spec(kind).packages)


def _choose_exported(name: str, file: Path, frames: int, folder: Path | None) -> EncoderChoice:
    require_packages(onnx_runtime.PACKAGES, extra="onnx")
    facts = read_facts(file)
    check_fits(file, facts, frames, None if folder is None else weights_sha256(folder))
    return EncoderChoice(name, None if folder is None else str(folder), facts.encoder_px, facts.sha256)


def _require_onnx(kind: str, spec: EncoderSpec, onnx: Path) -> None:
    if not spec.exports_onnx:
        raise ValueError(f"the {kind} encoder is not run by ONNX Runtime: {onnx} cannot be loaded into it")


def _require_weights(kind: str, spec: EncoderSpec, model: str | Path | None) -> None:
    if model is not None and not spec.has_weights:
        raise ValueError(f"the {kind} encoder has no weights: model {str(model)!r} cannot be loaded into it")
