"""Check and settle everything that a run needs, before its first frame is decoded."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from rich.console import Console

from models.encoders.table import choose
from stream.annotation.factory import settle
from stream.config import Options
from stream.errors import IntrinsicsError, UsageError
from stream.geometry.calibrations.chosen import chosen_calibration
from stream.geometry.calibrations.table import Calibration
from stream.geometry.camera import fit_camera
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import read_manifest
from stream.records.schema.options import by_path
from stream.run.probe import probe
from stream.run.warm_start import NoWarmStart, WarmStart, with_warm_start
from stream.runtime.gpu_budget import with_budget
from stream.runtime.socket_folder import require_short_path
from stream.sources.clip import Clip
from stream.sources.fetched import fetched_parts
from stream.sources.remote.address import is_on_hub, parse_address
from stream.sources.sidecar import Sidecar, read_sidecar
from stream.sources.source import Source
from stream.ui.progress import fetch_progress
from stream.video.decoder import Decoder, choose_decoder
from stream.video.facts import StreamFacts

if TYPE_CHECKING:
    from models.weights.fetch import Report


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to start."""

    options: Options
    """All choices are resolved: the commit of a remote source, the calibration file, the decoder, the encoder and
    the folders of the models' weights; for a live source, its kind and stream facts."""
    source: Source
    stream: StreamFacts
    calibration: Calibration | None
    """Content of the calibration file; None without rectification."""
    sidecar: Sidecar | None
    """The clip's sidecar ``.json``, compared with the clip; None without one."""
    decoder: Decoder
    """The decoder, and why it was chosen."""
    warm_start: WarmStart | NoWarmStart = field(default_factory=NoWarmStart)
    """What the detector begins with."""


def prepare(options: Options) -> Prepared:
    """Check the source, the calibration, the encoder and the annotator of a run.

    Raises:
        SourceError: the clip cannot be read.
        IntrinsicsError: the calibration is missing or does not fit.
        ModelUnavailableError: a model's packages or weights are missing.
        NoRoomError: the models do not fit into the GPU's memory.
        UsageError: options contradict each other.
    """
    require_short_path()
    source, stream = probe(options.model_copy(update={"source": _at_recorded_commit(options)}))
    if source.live_options is not None:
        policy = options.keyframes.on_cache_full or ("skip" if source.is_camera else None)
        options = options.replace({
            "live": source.live_options, "resolved.stream": stream, "keyframes.on_cache_full": policy,
        })  # fmt: skip
    elif isinstance(source, Clip) and source.spool is not None:
        options = options.replace({"resolved.spool": source.spool})
    elif is_on_hub(options.source):
        options = options.model_copy(update={"source": source.name})
    options, calibration = with_calibration(options, source, stream)
    decoder = choose_decoder(options.input.decoder, source, stream)
    options = options.replace({"input.decoder": decoder.name})
    options = with_encoder(options, allow_download=not options.runtime.offline)
    options = with_budget(_with_recorded_batch(with_annotator(options), source))
    sidecar = read_sidecar(source, stream)
    layout = RunLayout(options.output.folder / source.stem, source.stem)
    options, warm_start = with_warm_start(options, calibration, sidecar, layout)
    options = options.replace({"resolved.fetched": fetched_parts(source)})
    return Prepared(options, source, stream, calibration, sidecar, decoder, warm_start)


def _at_recorded_commit(options: Options) -> str:
    """The source; a remote one at the commit of the earlier run in this directory, if it is the same source."""
    if options.starts_over or not is_on_hub(options.source):
        return options.source
    address = parse_address(options.source)
    stem = PurePosixPath(address.member or address.path).stem
    layout = RunLayout(options.output.folder / stem, stem)
    if not (layout.events.exists() and layout.manifest.exists()):
        return options.source
    origin = read_manifest(layout.manifest).source.origin
    if origin is None or (origin.get("data_set"), origin.get("path"), origin["member"]) != (
        address.data_set,
        address.path,
        address.member,
    ):
        return options.source
    return (
        str(address.at(origin["commit"]))
        if address.names_commit(origin["revision"], origin["commit"])
        else options.source
    )


def with_calibration(options: Options, source: Source, stream: StreamFacts) -> tuple[Options, Calibration | None]:
    """The options with the calibration file, and its content; None without rectification.

    Raises:
        IntrinsicsError: the calibration is missing or does not fit.
        UsageError: options contradict each other.
    """
    if not options.lens.rectify:
        if options.lens.intrinsics is not None:
            raise UsageError(f"--intrinsics {options.lens.intrinsics} and --no-rectify contradict each other: give one")
        if options.lens.preset is not None:
            raise UsageError(f"--lens {options.lens.preset} and --no-rectify contradict each other: give one")
        return options, None
    lens, beside = options.lens, source.intrinsics_path()
    size = stream.display_width_px, stream.display_height_px
    calibration = chosen_calibration(lens.preset, lens.intrinsics, beside, size)
    if calibration is None:
        raise IntrinsicsError(
            f"there is no intrinsics.json beside {source.name}: name the lens's calibration with --intrinsics FILE, "
            "make one with `egoclean-stream calibrate`, take an approximate one with --lens, or leave the picture as "
            "it is with --no-rectify"
        )
    fit_camera(calibration.intrinsics, *size, lens.balance, lens.fov_scale, lens.new_camera)
    return options if lens.preset else options.replace({"lens.intrinsics": lens.intrinsics or beside}), calibration


def with_encoder(options: Options, *, allow_download: bool = True) -> Options:
    """The options with the encoder and the folder of its weights.

    Raises:
        ModelUnavailableError: the encoder's packages or weights are not there.
        UsageError: it does not support the options.
    """
    try:
        with _fetch_progress(options, options.encoder.model) as report:
            choice = choose(
                options.encoder.name,
                options.encoder.model,
                frames=options.sampling.frames,
                onnx=_onnx_file(options),
                allow_download=allow_download,
                report=report,
            )
    except ValueError as error:
        raise UsageError(str(error)) from error
    return options.replace({
        "encoder.name": choice.kind, "encoder.model": choice.model, "encoder.onnx_sha256": choice.onnx_sha256,
        "resolved.encoder_px": choice.encoder_px, "encoder.reason": choice.reason or options.encoder.reason,
    })  # fmt: skip


def with_annotator(options: Options) -> Options:
    """The options with the folder of the annotator's weights, or the name of its server's model.

    Raises:
        ModelUnavailableError: the annotator's packages or weights are not there.
        UsageError: it does not support the options.
    """
    with _fetch_progress(options, options.annotator.model) as report:
        return settle(options, allow_download=not options.runtime.offline, report=report)


def _with_recorded_batch(options: Options, source: Source) -> Options:
    """A resumed run keeps its batch size unless another is given: the amount of free memory changes by the hour."""
    layout = RunLayout(options.output.folder / source.stem, source.stem)
    if options.encoder.batch is not None or options.starts_over or not layout.manifest.exists():
        return options
    return options.replace({"encoder.batch": by_path(read_manifest(layout.manifest).options, "encoder.batch")})


def _fetch_progress(options: Options, model: str | None) -> "AbstractContextManager[Report]":
    """Progress of a model's download, on standard error."""
    return fetch_progress(Console(stderr=True), model or "weights", as_notes=options.output.log_format == "json")


def _onnx_file(options: Options) -> Path | None:
    """The exported encoder; None for torch."""
    onnx = options.encoder.onnx
    if options.encoder.runtime == "onnx" and onnx is None:
        raise UsageError("--encoder-runtime onnx needs an exported encoder: name it with --encoder-onnx FILE")
    if options.encoder.runtime != "onnx" and onnx is not None:
        raise UsageError(f"--encoder-onnx {onnx} is read only with --encoder-runtime onnx: add that, or name no file")
    return onnx
