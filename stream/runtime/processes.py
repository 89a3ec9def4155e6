"""Which processes the chain has, and which stages work in each: the only table of them all.

    ingest ──tiles, keyframes──▶ encode ──embeddings──▶ detect ──segments──▶ record ──orders──▶ annotate
    decode + rectify             window + encoder       detect                disk   ◀──answers── annotator

``annotate`` exists only where there is an annotator. A stage is imported only in the process where it works.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from stream.config import Options
from stream.errors import EgocleanError
from stream.pipeline.barriers import Barriers
from stream.pipeline.items import AnnotatorHere, End, EndReason, Item, Packet, SourceEvent
from stream.pipeline.stage import Pipeline, Stage
from stream.pipeline.state import replay_from_s
from stream.records.replay import told_behind
from stream.records.schema.events import Event
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import Fence
from stream.records.store.checkpoint import Saved
from stream.sources.live.options import CAMERAS

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

    from models.encoders.encoder import ClipEncoder
    from stream.sources.source import Source as VideoSource
    from stream.stages.decode import Decode

PROCESSES = ("ingest", "encode", "detect", "record")
"""In the order of the chain."""
ANNOTATE = "annotate"
"""The process behind the chain's end, which answers to it."""


def processes(options: Options) -> tuple[str, ...]:
    """All processes of a run with these options."""
    return PROCESSES if options.annotator == "none" else (*PROCESSES, ANNOTATE)


class Source(Protocol):
    """The first process's work: it makes items instead of receiving them."""

    realtime: bool
    """Whether its items are held back until the clock has reached their time."""
    barriers: Barriers
    """When a barrier follows an item."""
    live: bool
    """Whether it must not be opened before the chain is ready for it."""

    def packets(self) -> Iterator[Packet | SourceEvent | None]:
        """Packets and source events, until the source is exhausted; None whenever a live one has none for now."""
        ...

    def end(self, reason: EndReason) -> End:
        """The ``End`` for what has been given so far."""
        ...


@dataclass(frozen=True)
class Work:
    """What one process does."""

    stage: Stage
    source: Source | None = None
    since_s: float = 0.0
    """Stream time from which the run goes on."""
    first: Sequence[Item] = ()
    """What it gives before anything has come in."""
    facts: Callable[[], dict[str, Any]] = field(default=dict)
    """What is known of the work so far, for ``run.json``."""
    close: Callable[[], None] = field(default=lambda: None)
    due: Callable[[float], Iterable[Item]] = field(default=lambda _now_s: ())
    """What is to be given by now, on the monotonic clock, whether or not an item has come in."""
    levels: Callable[[], dict[str, float]] = field(default=dict)
    """What it holds at present, by name, for whoever watches the run."""
    ready: Callable[[], bool] = field(default=lambda: True)
    """Whether the stage can take the chain's next item."""
    catch_up: Callable[[Sequence[Event]], None] = field(default=lambda _told: None)
    """After ``restore``, of a camera: take what was told behind the barrier, for it cannot be told again."""


def build(process: str, options: Options, layout: RunLayout, attempt: int = 0, saved: Saved | None = None) -> Work:
    """Make the work of one process, which goes on from ``saved`` where that is given.

    Raises:
        EgocleanError: if there is no such process, or what it needs is missing.
    """
    builders = {"ingest": _ingest, "encode": _encode, "detect": _detect, "record": _record, ANNOTATE: _annotate}
    if process not in builders:
        raise EgocleanError(f"no process {process!r} in the chain, expected one of {tuple(builders)}")
    work = builders[process](options, layout, attempt, saved)
    if saved is not None and process in saved.states:
        work.stage.restore(saved.part(process))
        if options.live.kind in CAMERAS:
            work.catch_up(told_behind(layout, saved))
    return work


class _SourceReader:
    """The source of a run, with the decoder that knows where it was left."""

    def __init__(
        self,
        options: Options,
        source: "VideoSource",
        decode: "Decode",
        hwaccel: "HWAccel | None",
        saved: Saved | None,
    ) -> None:
        self.realtime = options.speed == "realtime"
        self.live = source.is_live
        self.barriers = Barriers(options.stride_s, saved.t_s if saved else None)
        self._replay_from_s = replay_from_s(saved.states) if saved and source.plays_again else None
        self._source = source
        self._loop = options.loop
        self._decode = decode
        self._hwaccel = hwaccel

    def packets(self) -> Iterator[Packet | SourceEvent | None]:
        resume = self._decode.resume(self._replay_from_s)
        return self._source.packets(resume, loop=self._loop, hwaccel=self._hwaccel)

    def end(self, reason: EndReason) -> End:
        return self._decode.end(reason)


def _ingest(options: Options, _layout: RunLayout, _attempt: int, saved: Saved | None) -> Work:
    import cv2

    from models.memory import vram
    from stream.geometry.camera import read_intrinsics
    from stream.sources.table import open_source
    from stream.stages.decode import Decode
    from stream.stages.rectify import Rectify
    from stream.video.container import read_facts
    from stream.video.decoder import NVDEC_FORMATS, accelerator, torch_device

    cv2.setNumThreads(1)
    if options.decoder == "nvdec":
        from stream.runtime.gpu_budget import limited

        limited(options, "ingest")
    source = open_source(options.source, options.live, download=options.download)
    stream, device = options.stream or read_facts(source), torch_device(options.decoder)
    hwaccel = accelerator(options.decoder, on_device=device is not None)
    if hwaccel is not None:
        stream = replace(stream, pixel_format=NVDEC_FORMATS[stream.pixel_format])
    decode = Decode(source.name, stream)
    rectify = Rectify(
        read_intrinsics(options.intrinsics) if options.intrinsics else None,
        balance=options.balance,
        fov_scale=options.fov_scale,
        tile_px=options.tile_px,
        geometry=options.geometry,
        keyframe_px=options.keyframe_px,
        keyframe_fps=options.keyframe_fps,
        device=device,
    )
    return Work(
        Pipeline([decode, rectify]),
        source=_SourceReader(options, source, decode, hwaccel, saved),
        since_s=saved.t_s if saved else 0.0,
        catch_up=decode.catch_up,
        facts=lambda: {
            "rectification": rectify.facts(),
            "fetched_bytes": source.fetched_bytes,
            "gpu": vram.facts(),
        },
    )


def _encode(options: Options, layout: RunLayout, attempt: int, saved: Saved | None) -> Work:
    from models.memory import vram
    from stream.stages.cached_encoder import CachedEncoder
    from stream.stages.embed import Embed
    from stream.stages.store import EmbeddingWriter

    sampling = options.sampling
    encoder, leave_encoder = _encoder(options)
    window = Embed(
        CachedEncoder(encoder, layout, first=saved.windows if saved else 0),
        options.stride_s,
        rate_fps=sampling.rate_fps,
        batch=options.encoder_batch or 1,
        max_latency_s=options.max_latency_s,
        max_lag_s=options.live.lag_s,
    )
    keep = EmbeddingWriter(layout, Fence(layout, attempt), str(encoder.facts()["weights_sha256"]))

    def close() -> None:
        keep.close()
        leave_encoder()

    return Work(
        Pipeline([window, keep]),
        facts=lambda: {"encoder": {**encoder.facts(), **vram.facts()}, "windows": window.facts()},
        close=close,
        due=lambda now_s: (item for given in window.due(now_s) for item in keep.on_item(given)),
    )


def _encoder(options: Options) -> "tuple[ClipEncoder, Callable[[], None]]":
    """The encoder in this process, or what stands for the one that several runs share; and how it is left."""
    if options.encoder_endpoint is not None:
        from stream.runtime.encoder_service.client import ServedEncoder

        served = ServedEncoder(options.encoder_endpoint)
        return served, served.close
    from stream.runtime.encoder import own_encoder

    return own_encoder(options), lambda: None


def _detect(options: Options, _layout: RunLayout, _attempt: int, _saved: Saved | None) -> Work:
    from stream.stages.detect import Detect

    detect = Detect(options.detector)
    return Work(detect, catch_up=detect.catch_up)


def _record(options: Options, layout: RunLayout, attempt: int, _saved: Saved | None) -> Work:
    from stream.stages.record import Record

    record = Record(layout, options, attempt)
    return Work(
        record,
        facts=record.facts,
        close=record.close,
        due=record.due,
        levels=record.levels,
        ready=record.ready,
        catch_up=record.catch_up,
    )


def _annotate(options: Options, layout: RunLayout, _attempt: int, _saved: Saved | None) -> Work:
    from stream.annotation.factory import make
    from stream.runtime.gpu_budget import limited
    from stream.stages.annotate import Annotate

    limited(options, ANNOTATE)
    annotator = make(options)
    annotate = Annotate(annotator, layout.keyframes, options)
    return Work(annotate, first=[AnnotatorHere()], facts=lambda: {"annotator": annotator.facts()}, due=annotate.due)
