"""Builds the stages of each process, in that process alone: it imports the packages that its stages need."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from stream.config import Options
from stream.pipeline.stage import Pipeline
from stream.records.store.attempt import AttemptGuard
from stream.runtime.process_spec import Work, WorkContext
from stream.runtime.source_reader import SourceReader

if TYPE_CHECKING:
    from models.encoders.encoder import ClipEncoder


def ingest(context: WorkContext) -> Work:
    """Read the source; return rectified frames and keyframes."""
    import cv2

    from stream.geometry.calibrations.table import read_calibration
    from stream.sources.fetched import with_parts
    from stream.sources.table import open_source
    from stream.stages.decode import Decode
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
    rectify = Rectify(
        read_calibration(options.lens.intrinsics).intrinsics if options.lens.intrinsics else None,
        balance=options.lens.balance,
        fov_scale=options.lens.fov_scale,
        encoder_px=options.resolved.encoder_px,
        resize_mode=options.encoder.resize_mode,
        keyframe_px=options.keyframes.px,
        keyframe_fps=options.keyframes.fps,
        device=device,
    )
    return Work(Pipeline([decode, rectify]), SourceReader(options, source, decode, hwaccel, context.checkpoint))


def encode(context: WorkContext) -> Work:
    """Embed windows of frames and write the embeddings to the run's arrays."""
    from stream.stages.cached_encoder import CachedEncoder
    from stream.stages.embed import Embed
    from stream.stages.store import EmbeddingWriter

    options, checkpoint = context.options, context.checkpoint
    encoder, close = _encoder(context)
    embed = Embed(
        CachedEncoder(encoder, context.layout, first=checkpoint.totals.windows if checkpoint else 0),
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
    return Work(Pipeline([embed, writer]))


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


def _encoder(context: WorkContext) -> "tuple[ClipEncoder, Callable[[], None]]":
    """The encoder in this process, or the client of one that several runs share, and the function that closes it."""
    if context.options.resolved.encoder_endpoint is not None:
        from stream.runtime.encoder_service.client import RemoteEncoder

        served = RemoteEncoder(context.options.resolved.encoder_endpoint)
        return served, served.close
    return load_encoder(context.options, context.memory_bytes), lambda: None


def detect(context: WorkContext) -> Work:
    """Find segments in the embeddings."""
    from stream.stages.detect import Detect

    return Work(Pipeline([Detect(context.options.detector)]))


def record(context: WorkContext) -> Work:
    """Write the run directory and send requests to the annotator."""
    from stream.stages.record import Record

    return Work(Pipeline([Record(context.layout, context.options, context.attempt)]))


def annotate(context: WorkContext) -> Work:
    """Answer requests with the annotator."""
    from stream.annotation.factory import make
    from stream.stages.annotate import Annotate

    return Work(Pipeline([Annotate(make(context.options), context.layout.keyframes, context.options)]))
