"""Everything that can be found wrong before the first frame is decoded, is found here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from models.choice import choose
from models.errors import ModelUnavailableError
from stream.config import Options
from stream.errors import IntrinsicsError, ModelMissingError, UnreachableError, UsageError
from stream.video.backoff import Backoff
from stream.video.camera import fit_camera, read_intrinsics
from stream.video.container import StreamFacts, read_facts
from stream.video.live import LiveSource, open_any
from stream.video.sidecar import Sidecar, read_sidecar
from stream.video.source import Source

AnySource: TypeAlias = Source | LiveSource

FIRST_CONTACT_S = 30.0
"""How long a camera is sought that was never reached, unless ``--reconnect-s`` says otherwise."""


@dataclass(frozen=True)
class Prepared:
    """A run that may begin."""

    options: Options
    """With every ``auto`` resolved: the calibration's file, the encoder and where its weights lie."""
    source: AnySource
    stream: StreamFacts
    intrinsics: dict[str, Any] | None
    """As read; None without rectification."""
    sidecar: Sidecar | None
    """What the clip's ``.json`` says, set against the clip; None without one."""


def prepare(options: Options, note: Callable[[str], None] = lambda _line: None) -> Prepared:
    """Check the source, the calibration and the encoder of a run.

    Args:
        options: As the user gave them.
        note: Takes a line for the user, while a camera is sought.

    Raises:
        SourceError: the clip cannot be read.
        IntrinsicsError: the calibration is missing or does not fit.
        ModelMissingError: the encoder's packages or weights are not there.
        UsageError: options contradict each other.
    """
    source, stream = reach(options, note)
    if isinstance(source, LiveSource):
        options = options.model_copy(update={"live": source.options, "stream": stream})
    options, intrinsics = with_intrinsics(options, source, stream)
    sidecar = None if isinstance(source, LiveSource) else read_sidecar(source, stream)
    return Prepared(with_encoder(options), source, stream, intrinsics, sidecar)


def reach(options: Options, note: Callable[[str], None]) -> tuple[AnySource, StreamFacts]:
    """The source and what it says of itself; a live one that is not there is sought for a while.

    Raises:
        SourceError: it cannot be read, or not be reached in time.
        UsageError: options do not fit the source.
    """
    backoff = Backoff(options.live.reconnect_s or FIRST_CONTACT_S)
    told: set[str] = set()
    while True:
        try:
            source = open_any(options.source, options.live)
            _require_fitting(options, source)
            return source, read_facts(source)
        except UnreachableError as error:
            if str(error) not in told:
                told.add(str(error))
                note(f"{error}; trying again")
            if not backoff.wait():
                raise


def _require_fitting(options: Options, source: AnySource) -> None:
    if isinstance(source, LiveSource):
        wrong = ["--loop"] * options.loop + ["--speed realtime"] * (options.speed == "realtime")
        if wrong:
            raise UsageError(f"{wrong[0]} is for clips, and {source.name} is a live source: leave it out")
    elif given := options.live.given():
        raise UsageError(f"{given[0]} is for live sources, and {source.name} is a clip: leave it out")


def with_intrinsics(options: Options, source: AnySource, stream: StreamFacts) -> tuple[Options, dict[str, Any] | None]:
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
            f"no intrinsics.json lies beside {source.name}: give the lens's calibration with --intrinsics FILE, "
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
