"""The table of processes: which the chain has, and all that differs between them.

    ingest ──frames, keyframes─▶ encode ──embeddings──▶ detect ──segments──▶ record ──requests──▶ annotate
    decode, rectify              embed, store           detect               record ◀──answers─── annotate

``annotate`` exists only if there is an annotator. Nothing outside this table depends on the name of a process.
"""

from typing import Final

from models.encoders.spec import EncoderProfile
from models.encoders.table import profile_of
from models.memory.vram import Need, decoder_need
from stream.annotation.factory import vram_need
from stream.annotation.queue import OUTSTANDING_MAX
from stream.config import Options
from stream.pipeline.codec import HEADER_BYTES_MAX
from stream.runtime import stage_builders
from stream.runtime.process_spec import ProcessSpec, Requests

_MMAP_THRESHOLD_BYTES: Final = 64 * 1024
"""Buffers of messages leave holes in glibc's heap: a process takes half a MiB more for every hour of video."""
_THINKING_S: Final = 600.0
"""A large model takes minutes for a batch, and so may a server."""


def encoder_profile(options: Options) -> EncoderProfile | None:
    """Input, output and memory of the run's encoder; None while its weights are not known.

    Raises:
        ModelUnavailableError: its configuration cannot be read.
    """
    return profile_of(
        options.encoder.name,
        options.encoder.model,
        frames=options.sampling.frames,
        onnx=options.encoder.onnx,
        provider=options.encoder.onnx_provider,
    )


def _encoder_need(options: Options) -> Need | None:
    if options.resolved.encoder_endpoint is not None:
        return None
    profile = encoder_profile(options)
    return None if profile is None else profile.vram


def _annotator_need(options: Options) -> Need | None:
    return vram_need(options) if options.resolved.annotator_endpoint is None else None


INGEST: Final = ProcessSpec(
    "ingest",
    stage_builders.ingest,
    gpu_need=lambda options: decoder_need() if options.input.decoder == "nvdec" else None,
)
ENCODE: Final = ProcessSpec(
    "encode",
    stage_builders.encode,
    threads=None,
    cpus=0.5,
    gpu_need=_encoder_need,
    limits_allocator=lambda options: options.encoder.onnx is None,  # ONNX Runtime keeps to it by its own options
)
DETECT: Final = ProcessSpec("detect", stage_builders.detect, mmap_threshold_bytes=_MMAP_THRESHOLD_BYTES, cpus=0.1)
RECORD: Final = ProcessSpec("record", stage_builders.record, mmap_threshold_bytes=_MMAP_THRESHOLD_BYTES, cpus=0.1)
ANNOTATE: Final = ProcessSpec(
    "annotate",
    stage_builders.annotate,
    is_in=lambda options: options.annotator.enabled,
    restarts_alone=True,
    drains=False,
    requests=Requests(open_max=OUTSTANDING_MAX, request_bytes_max=4096, answer_bytes_max=HEADER_BYTES_MAX),
    patience_s=_THINKING_S,
    waits_s=lambda options: options.annotator.wait_s + options.annotator.request_timeout_s,
    threads=None,
    cpus=0.5,
    gpu_need=_annotator_need,
)
PROCESSES: Final = {spec.name: spec for spec in (INGEST, ENCODE, DETECT, RECORD, ANNOTATE)}
"""By name, in the order of the chain."""


def processes(options: Options) -> tuple[ProcessSpec, ...]:
    """The processes of a run with these options, in the order of the chain."""
    return tuple(spec for spec in PROCESSES.values() if spec.is_in(options))
