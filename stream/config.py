"""Every option of a run, validated once; the command line fills it, every process gets it as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from models.encoders.onnx.encoder import Provider
from models.encoders.table import encoder_names
from stream.detection.options import DetectorOptions
from stream.errors import UsageError
from stream.geometry.viewport import ResizeMode
from stream.records.schema.layout import RUNS
from stream.sources.address import redacted
from stream.sources.live.options import LiveOptions
from stream.video.facts import StreamFacts
from stream.video.sampling import Preset, Sampling


def _encoder_name(name: str) -> str:
    if name not in encoder_names():
        raise ValueError(f"expected one of {', '.join(encoder_names())}")
    return name


EncoderName: TypeAlias = Annotated[str, AfterValidator(_encoder_name)]
"""``auto`` or a row of ``models.encoders.table.ENCODERS``."""


class Options(BaseModel):
    """What the user asked for. Fields are named as the command line's options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """A video file or ``shard.tar::member.mp4``, here or on the hub, or a live source: its address may hold secrets."""
    download: bool = False
    """A file on the hub is fetched whole, instead of being read where it is."""
    intrinsics: Path | None = None
    """None with ``rectify``: no calibration is known yet; the supervisor finds it or stops."""
    rectify: bool = True
    balance: float = Field(default=0.0, ge=0.0, le=1.0)
    """0 keeps only pixels that exist, 1 keeps the whole field of view."""
    fov_scale: float = Field(default=1.0, gt=0.0)
    """Above 1 widens the rectified view."""
    out: Path = RUNS
    decoder: Literal["auto", "cpu", "nvdec"] = "auto"
    """``auto``: the GPU's where it works and is of use, settled before the run begins."""
    encoder: EncoderName = "auto"
    encoder_model: str | None = None
    """Hub name, also ``name@revision``, or local folder; None: the encoder's own default."""
    offline: bool = False
    """Nothing is fetched: what a run needs is on this machine."""
    encoder_px: int = Field(default=256, ge=16, le=4096)
    """Side of the encoder frame, pixels. Not a user's option: it follows from the encoder."""
    geometry: ResizeMode = "crop"
    """How the picture becomes the square encoder frame; the encoder's training knows crops."""
    window: Preset = "64@30"
    """Frames of a window, and their rate: the published detection's, or longer and sparser, or shorter ones."""
    encoder_batch: int | None = Field(default=None, ge=1, le=64)
    """Windows that are embedded together, all of the one source of the run; None: as many as its share of the GPU's
    memory is planned for, without a GPU one."""
    max_latency_s: float | None = Field(default=None, ge=0.0)
    """Stream time that a window may wait for others of its batch; None: until the batch is full."""
    encoder_runtime: Literal["torch", "onnx"] = "torch"
    encoder_onnx: Path | None = None
    """What ``models export-onnx`` made of the encoder; for ``encoder_runtime`` onnx."""
    onnx_provider: Provider = "auto"
    annotator: Literal["none", "qwen", "openai"] = "none"
    annotator_model: str | None = None
    """Hub name, local folder, or the server's name for it; None: the annotator's own default."""
    annotator_url: str | None = None
    """Of the server, for ``openai``."""
    annotator_wait_s: float = Field(default=300.0, ge=0.0)
    """How long that server may be away."""
    annotator_timeout_s: float = Field(default=300.0, gt=0.0)
    """How long one answer of that server may take: the others of its batch wait for the last."""
    annotator_batch: int | None = Field(default=None, ge=1)
    """The most segments asked about at once; None: as many as the annotator can take."""
    annotator_latency_s: float = Field(default=5.0, ge=0.0)
    """The longest that a segment waits for others to be asked about with."""
    annotator_frames: int = Field(default=32, ge=1)
    """The most keyframes of a segment that are shown."""
    annotator_price_in: float | None = Field(default=None, ge=0.0)
    """Dollars for a million tokens that the annotator reads; None beside a price for the others: nothing."""
    annotator_price_out: float | None = Field(default=None, ge=0.0)
    """The same for those that it writes; where both are None its time counts, if it works on this machine."""
    annotator_quantization: Literal["none", "4bit"] = "none"
    """Of the annotator's weights, on the GPU."""
    annotator_hint: bool = True
    """Whether the annotator is told what the detector found."""
    task: str | None = None
    """What the worker is doing, in the user's words."""
    annotate: Literal["all", "anomalous", "novel"] = "all"
    novelty: float = Field(default=0.95, ge=-1.0, le=1.0)
    """With ``annotate`` novel: a typical segment this similar to one that was described is not described itself."""
    spool_policy: Literal["block", "skip"] | None = None
    """When the keyframe spool is full: wait for the annotator, or leave segments out; None: skip for a camera alone."""
    keyframe_fps: float = Field(default=1.0, gt=0.0, le=30.0)
    keyframe_px: int = Field(default=854, ge=64, le=4096)
    """Longest side of a keyframe, pixels."""
    spool_mib: int = Field(default=512, ge=1)
    """Bound on the keyframes kept on disk, MiB."""
    stride_s: float = Field(default=1.0, gt=0.0)
    """From one window's start to the next one's, seconds."""
    loop: bool = False
    speed: Literal["realtime", "max"] = "max"
    restarts: int = Field(default=3, ge=0)
    """How often a process of the chain may die and be started again, until the run has come further; the annotator, as
    often of its own."""
    hang_s: float = Field(default=600.0, gt=0.0)
    """A process that has said nothing of its work for so long is ended, and started again. One window of a large model
    on a CPU takes minutes."""
    queue_mib: int = Field(default=32, ge=1)
    """Bound on what waits between two processes, MiB for each hop."""
    price_per_hour: float = Field(default=0.20, ge=0.0)
    """Of the machine, dollars: for the record."""
    vram_budget_gib: float | None = Field(default=None, gt=0.0)
    """Of the GPU's memory for all models together; None: what the card has free, less a margin."""
    restart: bool = False
    log_format: Literal["text", "json"] = "text"
    """Of what is printed: lines for people, or each event as it is on disk."""
    stall_s: float = Field(default=60.0, gt=0.0)
    """A process that leaves what waits for it untouched for so long has stalled."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Where ``/metrics`` and ``/healthz`` are served; None: nowhere, 0: on any free port."""
    metrics_host: str = "127.0.0.1"
    detector: DetectorOptions = DetectorOptions()
    live: LiveOptions = LiveOptions()
    encoder_endpoint: str | None = None
    """No option of the user's: where the encoder is that several runs share."""
    stream: StreamFacts | None = None
    """No option of the user's: of a live source, which is looked at once."""

    def recorded(self) -> dict[str, object]:
        """All options as a record may hold them: without secrets."""
        return {
            **self.model_dump(mode="json", exclude={"stream": True, "encoder_endpoint": True, "live": {"stdin_fds"}}),
            "source": redacted(self.source),
        }

    @property
    def sampling(self) -> Sampling:
        """``window``, read."""
        return Sampling.parse(self.window)

    def deciding(self) -> dict[str, object]:
        """The options that decide what is recorded: two runs that agree on them may stand for each other."""
        incidental = {
            "out", "download", "speed", "restarts", "queue_mib", "price_per_hour", "vram_budget_gib", "restart",
            "offline", "encoder_batch",
            "annotator_url", "annotator_batch", "annotator_latency_s", "annotator_wait_s", "annotator_timeout_s",
            "annotator_price_in", "annotator_price_out",
            "log_format", "stall_s", "hang_s", "metrics_port", "metrics_host", "live", "stream",
        }  # fmt: skip
        return {name: value for name, value in self.recorded().items() if name not in incidental}


def validated(values: Mapping[str, Any]) -> Options:
    """Options from what a command line, or a record, holds.

    Raises:
        UsageError: naming the first option that is out of range.
    """
    try:
        return Options.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + str(first["loc"][0]).replace("_", "-")
        raise UsageError(f"{name} {first['input']}: {first['msg'].lower()}") from error
