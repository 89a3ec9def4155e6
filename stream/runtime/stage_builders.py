"""Builds the stages of each process, in that process alone: it imports the packages that its stages need."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from stream.config import Options
from stream.pipeline.stage import Pipeline
from stream.records.store.attempt import AttemptGuard
from stream.runtime.loaded_models import FactsOfRun
from stream.runtime.process_spec import Work, WorkContext
from stream.runtime.source_reader import SourceReader

if TYPE_CHECKING:
    from models.annotators.annotator import Annotator
    from models.encoders.encoder import ClipEncoder

_ENCODER: Final = "encoder"
_ANNOTATOR: Final = "annotator"
"""Kinds of models, as ``LoadedModels`` names them."""


def ingest(context: WorkContext) -> Work:
    """Read the source; return rectified frames and keyframes."""
    import cv2

    from stream.geometry.calibrations.chosen import chosen_calibration
    from stream.geometry.camera import RectifiedView
    from stream.sources.fetched import with_parts
    from stream.sources.table import open_source
    from stream.stages.decode import Decode
    from stream.stages.motion import MeasureMotion
    from stream.stages.rectify import Rectify
    from stream.video.container import read_facts
    from stream.video.decoder import accelerator, torch_device

    cv2.setNumThreads(1)
    options = context.options
    source = open_source(
        options.source, options.live, download=options.input.cache_source, spool=options.resolved.spool
    )
    source = with_parts(source, options.resolved.fetched)
    stream, device = options.resolved.stream or read_facts(source), torch_device(options.input.decoder)
    hwaccel = accelerator(options.input.decoder, on_device=device is not None)
    decode = Decode(source.name, stream)
    lens, size = options.lens, (stream.display_width_px, stream.display_height_px)
    calibration = chosen_calibration(lens.preset, lens.intrinsics, None, size) if lens.rectify else None
    rectify = Rectify(
        calibration.intrinsics if calibration else None,
        view=RectifiedView(lens.balance, lens.fov_scale, lens.new_camera),
        encoder_px=options.resolved.encoder_px,
        resize_mode=options.encoder.resize_mode,
        keyframe_px=options.keyframes.px,
        keyframe_fps=options.keyframes.fps,
        device=device,
    )
    reader = SourceReader(options, source, decode, hwaccel, context.checkpoint)
    return Work(Pipeline([decode, rectify, MeasureMotion()]), reader)


def encode(context: WorkContext) -> Work:
    """Embed windows of frames and write the embeddings to the run's arrays."""
    from stream.stages.cached_encoder import CachedEncoder
    from stream.stages.embed import Embed
    from stream.stages.store import EmbeddingWriter

    options, checkpoint = context.options, context.checkpoint
    encoder, close, load_s = _encoder(context)
    facts = FactsOfRun(encoder.facts)
    embed = Embed(
        CachedEncoder(encoder, context.layout, checkpoint.totals.windows if checkpoint else 0, facts),
        options.window.stride_s,
        rate_fps=options.sampling.rate_fps,
        batch=options.encoder.batch or 1,
        max_latency_s=options.encoder.max_wait_s,
        max_lag_s=options.live.lag_s,
        close=close,
    )
    writer = EmbeddingWriter(
        context.layout, AttemptGuard(context.layout, context.attempt), str(encoder.facts()["weights_sha256"])
    )
    return Work(Pipeline([embed, writer]), load_s={"encoder_load_s": load_s})


def load_encoder(options: Options, memory_bytes: int | None) -> "ClipEncoder":
    """Load the encoder of a run whose options name its weights.

    Args:
        options: The options of the run.
        memory_bytes: Limit of its allocator on the GPU; None: no limit.

    Raises:
        ModelUnavailableError: its packages or weights are missing.
        MemoryError: it does not fit into the device's memory.
    """
    from models.encoders.table import make_encoder

    return make_encoder(
        options.encoder.name,
        options.encoder.model,
        frames=options.sampling.frames,
        onnx=options.encoder.onnx,
        provider=options.encoder.onnx_provider,
        memory_bytes=memory_bytes,
    )


def _encoder(context: WorkContext) -> "tuple[ClipEncoder, Callable[[], None], Callable[[], float]]":
    """The encoder in this process, or the client of one that several runs share; the function that closes it, and one
    that returns the seconds that loading it took for this run."""
    options, memory_bytes, models = context.options, context.memory_bytes, context.models
    if options.resolved.encoder_endpoint is not None:
        from stream.runtime.encoder_service.client import RemoteEncoder

        served = RemoteEncoder(options.resolved.encoder_endpoint)
        return served, served.close, served.load_s
    named = options.encoder
    key = named.name, named.model, named.onnx, named.onnx_provider, options.sampling.frames, memory_bytes
    encoder = models.get(_ENCODER, key, lambda: load_encoder(options, memory_bytes))
    return encoder, lambda: None, partial(float, models.take_load_s(_ENCODER))


def detect(context: WorkContext) -> Work:
    """Find segments in the embeddings."""
    from stream.records.store.warm_start import read_warm_start
    from stream.stages.detect import Detect

    detector = context.options.detector
    normal = read_warm_start(context.layout, detector.warm_start_sha256)
    return Work(Pipeline([Detect(detector, normal, context.options.sampling.around_s)]))


def record(context: WorkContext) -> Work:
    """Write the run directory and send requests to the annotator."""
    from stream.stages.record import Record

    return Work(Pipeline([Record(context.layout, context.options, context.attempt)]))


def annotate(context: WorkContext) -> Work:
    """Answer requests with the annotator."""
    from stream.stages.annotate import Annotate

    annotator, close, load_s = _annotator(context)
    stage = Annotate(annotator, context.layout.keyframes, context.options, FactsOfRun(annotator.facts), close)
    return Work(Pipeline([stage]), load_s={"annotator_load_s": load_s})


def _annotator(context: WorkContext) -> "tuple[Annotator, Callable[[], None], Callable[[], float]]":
    """The annotator, as ``_encoder``. One without weights is made anew for each run."""
    from stream.annotation.factory import loading_key, make

    options, models = context.options, context.models
    if options.resolved.annotator_endpoint is not None:
        from stream.runtime.annotator_service.client import RemoteAnnotator

        served = RemoteAnnotator(options.resolved.annotator_endpoint)
        return served, served.close, served.load_s
    key = loading_key(options)
    annotator = make(options) if key is None else models.get(_ANNOTATOR, key, lambda: make(options))
    return annotator, lambda: None, partial(float, models.take_load_s(_ANNOTATOR))
