"""Which processes the chain has, and which stages work in each: the only table of them all.

    ingest ──frames, keyframes──▶ encode ──embeddings──▶ detect ──segments──▶ record ──orders──▶ annotate
    decode + rectify             window + encoder       detect                disk   ◀──answers── annotator

``annotate`` exists only where there is an annotator. A stage is imported only in the process where it works.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stream.config import Options
from stream.errors import EgocleanError
from stream.pipeline.source import PacketSource
from stream.pipeline.stage import Pipeline, Stage
from stream.records.replay import told_behind
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import Fence
from stream.records.store.checkpoint import Saved
from stream.runtime.source_reader import SourceReader
from stream.sources.live.options import CAMERAS

if TYPE_CHECKING:
    from models.encoders.encoder import ClipEncoder

PROCESSES = ("ingest", "encode", "detect", "record")
"""In the order of the chain."""
ANNOTATE = "annotate"
"""The process behind the chain's end, which answers to it."""


def processes(options: Options) -> tuple[str, ...]:
    """All processes of a run with these options."""
    return PROCESSES if options.annotator.name == "none" else (*PROCESSES, ANNOTATE)


@dataclass(frozen=True, slots=True)
class Work:
    """What one process does: its stages, and for the first process what feeds them."""

    stage: Stage
    source: PacketSource | None = None


def build(process: str, options: Options, layout: RunLayout, attempt: int = 0, saved: Saved | None = None) -> Work:
    """Make the work of one process, which goes on from ``saved`` where that is given.

    Raises:
        EgocleanError: if there is no such process, or what it needs is missing.
    """
    builders = {"ingest": _ingest, "encode": _encode, "detect": _detect, "record": _record, ANNOTATE: _annotate}
    if process not in builders:
        raise EgocleanError(f"no process {process!r} in the chain, expected one of {tuple(builders)}")
    work = builders[process](options, layout, attempt, saved)
    if saved is not None:
        work.stage.restore(saved.states)
        if options.live.kind in CAMERAS:
            work.stage.catch_up(told_behind(layout, saved))
    return work


def _ingest(options: Options, _layout: RunLayout, _attempt: int, saved: Saved | None) -> Work:
    import cv2

    from stream.geometry.camera import read_intrinsics
    from stream.sources.table import open_source
    from stream.stages.decode import Decode
    from stream.stages.rectify import Rectify
    from stream.video.container import read_facts
    from stream.video.decoder import NVDEC_FORMATS, accelerator, torch_device

    cv2.setNumThreads(1)
    if options.input.decoder == "nvdec":
        from stream.runtime.gpu_budget import limited

        limited(options, "ingest")
    source = open_source(options.source, options.live, download=options.input.cache_source)
    stream, device = options.resolved.stream or read_facts(source), torch_device(options.input.decoder)
    hwaccel = accelerator(options.input.decoder, on_device=device is not None)
    if hwaccel is not None:
        stream = replace(stream, pixel_format=NVDEC_FORMATS[stream.pixel_format])
    decode = Decode(source.name, stream)
    rectify = Rectify(
        read_intrinsics(options.lens.intrinsics) if options.lens.intrinsics else None,
        balance=options.lens.balance,
        fov_scale=options.lens.fov_scale,
        encoder_px=options.resolved.encoder_px,
        geometry=options.encoder.resize_mode,
        keyframe_px=options.keyframes.px,
        keyframe_fps=options.keyframes.fps,
        device=device,
    )
    return Work(Pipeline([decode, rectify]), SourceReader(options, source, decode, hwaccel, saved))


def _encode(options: Options, layout: RunLayout, attempt: int, saved: Saved | None) -> Work:
    from stream.stages.cached_encoder import CachedEncoder
    from stream.stages.embed import Embed
    from stream.stages.store import EmbeddingWriter

    encoder, close = _encoder(options)
    embed = Embed(
        CachedEncoder(encoder, layout, first=saved.totals.windows if saved else 0),
        options.window.stride_s,
        rate_fps=options.sampling.rate_fps,
        batch=options.encoder.batch or 1,
        max_latency_s=options.encoder.max_wait_s,
        max_lag_s=options.live.lag_s,
        close=close,
    )
    writer = EmbeddingWriter(layout, Fence(layout, attempt), str(encoder.facts()["weights_sha256"]))
    return Work(Pipeline([embed, writer]))


def _encoder(options: Options) -> "tuple[ClipEncoder, Callable[[], None]]":
    """The encoder in this process, or the client of the one that several runs share; and what closes it."""
    if options.resolved.encoder_endpoint is not None:
        from stream.runtime.encoder_service.client import RemoteEncoder

        served = RemoteEncoder(options.resolved.encoder_endpoint)
        return served, served.close
    from stream.runtime.encoder import own_encoder

    return own_encoder(options), lambda: None


def _detect(options: Options, _layout: RunLayout, _attempt: int, _saved: Saved | None) -> Work:
    from stream.stages.detect import Detect

    return Work(Pipeline([Detect(options.detector)]))


def _record(options: Options, layout: RunLayout, attempt: int, _saved: Saved | None) -> Work:
    from stream.stages.record import Record

    return Work(Pipeline([Record(layout, options, attempt)]))


def _annotate(options: Options, layout: RunLayout, _attempt: int, _saved: Saved | None) -> Work:
    from stream.annotation.factory import make
    from stream.runtime.gpu_budget import limited
    from stream.stages.annotate import Annotate

    limited(options, ANNOTATE)
    return Work(Pipeline([Annotate(make(options), layout.keyframes, options)]))
