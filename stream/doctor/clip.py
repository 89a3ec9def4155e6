"""Checks of one clip: whether it can be read, whether its calibration fits, how large and how long a run will be."""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from models.encoders.encoder import FRAMES, TUBELET_FRAMES, ClipEncoder
from models.encoders.table import encoder_spec
from models.weights.weights import weight_files
from stream.annotation.factory import settle
from stream.config import Options
from stream.doctor.check import Check, Finding, check, size
from stream.errors import EgocleanError
from stream.geometry.calibrations.table import Calibration
from stream.pipeline.items import EncoderFrame, Item
from stream.records.schema.layout import RunLayout
from stream.run.prepare import with_calibration, with_encoder
from stream.runtime.gpu_budget import allocator_bytes
from stream.runtime.processes import ENCODE, INGEST, encoder_profile
from stream.runtime.stage_builders import load_encoder
from stream.runtime.work import build
from stream.sources.sidecar import read_sidecar
from stream.sources.source import Source
from stream.sources.table import open_source
from stream.ui.text import clock
from stream.video.container import read_facts
from stream.video.decoder import Decoder, choose_decoder
from stream.video.facts import StreamFacts

_SAMPLE_S = 1.5
"""Time spent on measuring how fast the clip can be decoded; on a slow machine it lasts until the first picture."""
_EVENT_BYTES = 1024
"""Upper bound per second of video: a few events per segment."""


class PlannedRun:
    """A run that has not begun, of which each fact is determined once, when it is first needed."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @cached_property
    def source(self) -> Source:
        """The bytes of the clip, or the address of a live source."""
        return open_source(self.options.source, self.options.live, download=self.options.input.cache_source)

    @cached_property
    def stream(self) -> StreamFacts:
        """The facts in the header of its container."""
        return read_facts(self.source)

    @cached_property
    def lens(self) -> tuple[Options, Calibration | None]:
        """The options, including the calibration file, and its content; None without rectification."""
        return with_calibration(self.options, self.source, self.stream)

    @cached_property
    def decoder(self) -> Decoder:
        """The decoder that a run would use."""
        return choose_decoder(self.options.input.decoder, self.source, self.stream)

    @cached_property
    def encoder(self) -> Options:
        """The options, including the encoder, which must be on this machine."""
        return with_encoder(self.options, allow_download=False)

    @cached_property
    def annotator(self) -> Options:
        """The options, including encoder and annotator, which must be on this machine."""
        return settle(self.encoder, allow_download=False)

    @property
    def weights_bytes(self) -> int:
        """Size of the weight files of the encoder."""
        folder = self.encoder.encoder.model
        return sum(path.stat().st_size for path in weight_files(Path(folder))) if folder else 0

    @property
    def expected_bytes(self) -> int | None:
        """Maximum size of the run directory; None if the header gives no duration."""
        if self.stream.declared_s is None or self.options.input.loop or self.source.is_live:
            return None
        return self.bytes_of(self.stream.declared_s)

    def bytes_of(self, duration_s: float) -> int:
        """Maximum size of the run directory of a clip like this one, but of another duration."""
        return self._array_bytes(duration_s) + self._keyframe_bytes(duration_s)

    @cached_property
    def pace(self) -> "Pace":
        """How fast a run would be, from a short trial.

        Raises:
            EgocleanError: the clip gives no picture.
        """
        return _tried(self)

    def _array_bytes(self, duration_s: float) -> int:
        """Events, and three arrays of one row per window: float32 mean, float16 temporal tokens, float64 start."""
        profile = encoder_profile(self.encoder)
        dims = profile.dims if profile else 0
        sampling = self.options.sampling
        windows = max(0, int((duration_s - sampling.duration_s) / self.options.window.stride_s) + 1)
        row_bytes = 4 * dims + 2 * dims * (sampling.frames // TUBELET_FRAMES) + 8
        return windows * row_bytes + int(duration_s) * _EVENT_BYTES

    def _keyframe_bytes(self, duration_s: float) -> int:
        """A JPEG has less than one byte per pixel, and the keyframe cache is bounded."""
        width, height = self.stream.display_width_px, self.stream.display_height_px
        scale = min(1.0, self.options.keyframes.px / max(width, height))
        frames = int(duration_s * self.options.keyframes.fps) + 1
        return min(self.options.keyframes.cache_mib * 2**20, int(frames * width * height * scale**2))


def reading(planned: PlannedRun) -> Generator[Check, None, bool]:
    """The checks that build on each other, up to the first that fails; returns whether all passed."""
    checks = {"source": source, "stream": stream, "lens": lens, "decoder": decoder, "sidecar": sidecar}
    for name, find in checks.items():
        yield (result := check(name, partial(find, planned)))
        if result.level == "FAIL":
            return False
    return True


def source(planned: PlannedRun) -> Finding:
    """Whether the clip can be opened."""
    if planned.source.size_bytes is None:
        return Finding(f"{planned.source.name}, a live source")
    return Finding(f"{planned.source.name}, {size(planned.source.size_bytes)}")


def stream(planned: PlannedRun) -> Finding:
    """Its video stream."""
    facts = planned.stream
    rate = f"{facts.fps:.2f} fps" if facts.fps else "no nominal rate"
    known = facts.declared_s and not planned.source.is_live
    length = f"{clock(facts.declared_s or 0.0)} long by its header" if known else "of unknown length"
    picture = f"{facts.display_width_px}x{facts.display_height_px}"
    return Finding(f"{facts.codec}, {picture}, {rate}, {facts.pixel_format}, {length}")


def lens(planned: PlannedRun) -> Finding:
    """Its calibration."""
    options, calibration = planned.lens
    if calibration is None:
        return Finding("the picture is not rectified (--no-rectify)")
    how_well = "`egoclean-stream check-rectify` shows how well"
    if calibration.is_approximate:
        return Finding(f"{calibration.format}: {how_well} it fits", "`egoclean-stream calibrate` measures the lens")
    return Finding(f"{options.lens.intrinsics} ({calibration.format}) fits; {how_well}")


def decoder(planned: PlannedRun) -> Finding:
    """The decoder, and why it was chosen."""
    return Finding(f"{planned.decoder.name}: {planned.decoder.reason}")


def sidecar(planned: PlannedRun) -> Finding:
    """Whether the metadata file beside the clip agrees with it."""
    found = read_sidecar(planned.source, planned.stream)
    if found is None:
        return Finding("none")
    if found.warning is None:
        return Finding(f"{found.name} agrees with the clip")
    return Finding(found.warning, "a run uses the facts of the clip; make sure that it is the right one")


def encoder(planned: PlannedRun) -> Finding:
    """The encoder, and whether its packages and weights are installed."""
    found = planned.encoder
    origin = f" from {found.encoder.model}" if found.encoder.model else ", without weights"
    return Finding(f"{found.encoder.name}{origin}{f' ({reason})' if (reason := found.encoder.reason) else ''}")


def annotator(planned: PlannedRun) -> Finding:
    """The annotator, and whether its packages and weights are installed; a server is not contacted."""
    found = settle(planned.options, allow_download=False).annotator
    name = f"{found.name} {found.model or ''}".strip()
    return Finding(name if found.url is None else f"{name} at {found.url}")


def room(planned: PlannedRun) -> Finding:
    """The maximum size of the run directory."""
    if planned.expected_bytes is None:
        return Finding("the size of the run is unknown", "watch the disk, because the length of the clip is unknown")
    return Finding(f"the run directory needs at most {size(planned.expected_bytes)}")


def speed(planned: PlannedRun) -> Finding:
    """The speed of a run, from a short trial of decoding and rectifying, and of the encoder if it has no weights."""
    if planned.source.is_live:
        return Finding("a live source sets the speed; if this machine is too slow, frames are skipped and reported")
    pace, declared_s = planned.pace, planned.stream.declared_s
    total = f", {clock(declared_s * pace.cost_s)} for the whole clip" if declared_s else ""
    return Finding(f"about {1 / pace.cost_s:.1f} x real time here{total}: {pace.basis}")


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed of a run."""

    cost_s: float
    """Seconds for a second of video."""
    basis: str
    """What was tried."""


def _tried(planned: PlannedRun) -> Pace:
    began_at = time.monotonic()
    frames: list[EncoderFrame] = []
    options = planned.lens[0].replace({
        "input.decoder": planned.decoder.name, "resolved.encoder_px": planned.encoder.resolved.encoder_px,
    })  # fmt: skip
    for item in _ingested(options):
        if isinstance(item, EncoderFrame):
            frames = [*frames[1 - FRAMES :], item]
        if frames and time.monotonic() - began_at > _SAMPLE_S:
            break
    if not frames:
        raise EgocleanError(f"{planned.source.name} gives no picture")
    cost_s = (time.monotonic() - began_at) / (frames[-1].t_s + frames[-1].duration_s)
    basis = "decoding and rectifying alone"
    if not encoder_spec(planned.encoder.encoder.name).has_weights:
        encoder = load_encoder(planned.encoder, allocator_bytes(planned.encoder, ENCODE))
        cost_s, basis = (
            max(cost_s, _window_s(encoder, frames) / planned.options.window.stride_s),
            "the slowest process sets the speed",
        )
    return Pace(cost_s, basis)


def _ingested(options: Options) -> Iterator[Item]:
    """The output of the first process of a run."""
    work = build(INGEST, options, RunLayout(options.output.folder, options.output.folder.name))
    if work.source is None:
        raise EgocleanError("the first process has no source")
    for packet in work.source.packets():
        if packet is not None:
            yield from work.stage.on_item(packet)


def _window_s(encoder: ClipEncoder, frames: list[EncoderFrame]) -> float:
    """Seconds that the encoder needs for one window."""
    window = np.stack([frames[number % len(frames)].rgb for number in range(encoder.frames)])
    began_at = time.monotonic()
    encoder.encode(window)
    return time.monotonic() - began_at
