"""Everything that can be found wrong before the first frame is decoded, is found here."""

from dataclasses import dataclass
from typing import Any

from models.choice import choose
from models.errors import ModelUnavailableError
from stream.config import Options
from stream.errors import IntrinsicsError, ModelMissingError, UsageError
from stream.video.camera import fit_camera, read_intrinsics
from stream.video.container import StreamFacts, read_facts
from stream.video.sidecar import Sidecar, read_sidecar
from stream.video.source import Source, open_source


@dataclass(frozen=True)
class Prepared:
    """A run that may begin."""

    options: Options
    """With every ``auto`` resolved: the calibration's file, the encoder and where its weights lie."""
    source: Source
    stream: StreamFacts
    intrinsics: dict[str, Any] | None
    """As read; None without rectification."""
    sidecar: Sidecar | None
    """What the clip's ``.json`` says, set against the clip; None without one."""


def prepare(options: Options) -> Prepared:
    """Check the source, the calibration and the encoder of a run.

    Raises:
        SourceError: the clip cannot be read.
        IntrinsicsError: the calibration is missing or does not fit.
        ModelMissingError: the encoder's packages or weights are not there.
        UsageError: options contradict each other.
    """
    source = open_source(options.source)
    stream = read_facts(source)
    options, intrinsics = with_intrinsics(options, source, stream)
    return Prepared(with_encoder(options), source, stream, intrinsics, read_sidecar(source, stream))


def with_intrinsics(options: Options, source: Source, stream: StreamFacts) -> tuple[Options, dict[str, Any] | None]:
    """The options with the calibration's file, and what is in it; None without rectification.

    Raises:
        IntrinsicsError: the calibration is missing or does not fit.
        UsageError: options contradict each other.
    """
    if not options.rectify:
        if options.intrinsics is not None:
            raise UsageError(f"--intrinsics {options.intrinsics} and --no-rectify contradict each other: give one")
        return options, None
    path = options.intrinsics or source.intrinsics_path()
    if path is None:
        raise IntrinsicsError(
            f"no intrinsics.json lies beside {source.file.name}: give the lens's calibration with --intrinsics FILE, "
            "or leave the picture as it is with --no-rectify"
        )
    intrinsics = read_intrinsics(path)
    fit_camera(intrinsics, stream.display_width_px, stream.display_height_px, options.balance, options.fov_scale)
    return options.model_copy(update={"intrinsics": path}), intrinsics.model_dump()


def with_encoder(options: Options, *, allow_download: bool = True) -> Options:
    """The options with the encoder and the folder of its weights.

    Raises:
        ModelMissingError: the encoder's packages or weights are not there.
        UsageError: it cannot take what was asked for.
    """
    try:
        choice = choose(options.encoder, options.encoder_model, allow_download=allow_download)
    except ModelUnavailableError as error:
        raise ModelMissingError(str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    return options.model_copy(update={"encoder": choice.kind, "encoder_model": choice.model, "tile_px": choice.tile_px})
