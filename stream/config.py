"""Every option of a run, validated once; the command line fills it, every process gets it as JSON."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stream.detection.options import DetectorOptions


class Options(BaseModel):
    """What the user asked for. Fields are named as the command line's options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """A video file, or ``shard.tar::member.mp4``."""
    intrinsics: Path | None = None
    """None with ``rectify``: no calibration is known yet; the supervisor finds it or stops."""
    rectify: bool = True
    balance: float = Field(default=0.0, ge=0.0, le=1.0)
    """0 keeps only pixels that exist, 1 keeps the whole field of view."""
    fov_scale: float = Field(default=1.0, gt=0.0)
    """Above 1 widens the rectified view."""
    out: Path = Path("runs")
    encoder: Literal["auto", "vjepa2", "grid"] = "auto"
    encoder_model: str | None = None
    """Hub name or local folder; None: the encoder's own default."""
    tile_px: int = Field(default=256, ge=16, le=4096)
    """Side of the encoder's tile: no option of the user's, it follows from the encoder."""
    annotator: Literal["none", "qwen", "openai"] = "none"
    annotator_model: str | None = None
    """Hub name, local folder, or the server's name for it; None: the annotator's own default."""
    annotator_url: str | None = None
    """Of the server, for ``openai``."""
    annotator_batch: int | None = Field(default=None, ge=1)
    """The most segments asked about at once; None: as many as the annotator can take."""
    annotator_latency_s: float = Field(default=5.0, ge=0.0)
    """The longest that a segment waits for others to be asked about with."""
    annotator_frames: int = Field(default=32, ge=1)
    """The most keyframes of a segment that are shown."""
    annotator_hint: bool = True
    """Whether the annotator is told what the detector found."""
    task: str | None = None
    """What the worker is doing, in the user's words."""
    annotate: Literal["all", "anomalous", "novel"] = "all"
    novelty: float = Field(default=0.95, ge=-1.0, le=1.0)
    """With ``annotate`` novel: a typical segment this similar to one that was described is not described itself."""
    spool_policy: Literal["block", "skip"] = "block"
    """When the keyframe spool is full: wait for the annotator, or leave segments out."""
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
    """How often a process of the chain may die and be started again in one run."""
    queue_mib: int = Field(default=32, ge=1)
    """Bound on what waits between two processes, MiB for each hop."""
    price_per_hour: float = Field(default=0.20, ge=0.0)
    """Of the machine, dollars: for the record."""
    restart: bool = False
    log_format: Literal["text", "json"] = "text"
    """Of what is printed: lines for people, or each event as it is on disk."""
    stall_s: float = Field(default=60.0, gt=0.0)
    """A process that leaves what waits for it untouched for so long has stalled."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Where ``/metrics`` and ``/healthz`` are served; None: nowhere, 0: on any free port."""
    metrics_host: str = "127.0.0.1"
    detector: DetectorOptions = DetectorOptions()

    def deciding(self) -> dict[str, object]:
        """The options that decide what is recorded: two runs that agree on them may stand for each other."""
        incidental = {
            "out", "speed", "restarts", "queue_mib", "price_per_hour", "restart",
            "annotator_url", "annotator_batch", "annotator_latency_s",
            "log_format", "stall_s", "metrics_port", "metrics_host",
        }  # fmt: skip
        return self.model_dump(mode="json", exclude=incidental)
