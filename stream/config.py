"""Every option of a run, in groups, validated once; every process gets them as JSON.

An option is one field: the command line, the environment and TOML files are derived from it. See
``stream.records.schema.options`` for what a field declares.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from models.encoders.onnx.encoder import Provider
from models.encoders.table import AUTO, WEIGHTLESS, encoder_names
from stream.annotation.options import AnnotatorOptions, KeyframeOptions
from stream.detection.options import DetectorOptions
from stream.errors import UsageError
from stream.geometry.options import LensOptions
from stream.geometry.viewport import ResizeMode
from stream.records.options import OutputOptions
from stream.records.schema.options import (
    CONFLICT,
    DOLLARS_MAX,
    LONGEST_WAIT_S,
    SHORTEST_WAIT_S,
    OneOf,
    OptionField,
    OptionGroup,
    by_path,
    displayed,
    identity_field,
    merge,
    must_be,
    must_be_one_of,
    nest,
    option,
    options_of,
    switch,
)
from stream.sources.address import redacted
from stream.sources.batch_options import ClipsOptions
from stream.sources.live.options import LiveOptions
from stream.sources.remote.parts import FetchedParts
from stream.video.facts import StreamFacts
from stream.video.options import InputOptions, WindowOptions
from stream.video.sampling import Sampling


class EncoderOptions(OptionGroup):
    """The video encoder."""

    title: ClassVar[str] = "Encoder"
    prefix: ClassVar[str] = "encoder"

    name: Annotated[str, OneOf(encoder_names)] = option(
        "auto",
        f"Video encoder. auto takes {AUTO} if its packages are installed, else {WEIGHTLESS}, which needs no weights.",
        flag="-e --encoder",
        identity=True,
        daily=True,
    )
    model: str | None = option(
        None,
        "Weights: a Hugging Face name, also NAME@REVISION, or a local folder.",
        unset="the encoder's own",
        metavar="NAME_OR_PATH",
        identity=True,
        daily=True,
    )
    batch: int | None = option(
        None, "Windows per forward pass.", unset="what fits in the GPU's memory; 1 without a GPU", ge=1, le=64
    )
    max_wait_s: float | None = option(
        None,
        "Longest time, in seconds of video, that a window waits for its batch to fill.",
        unset="until the batch is full",
        ge=0.0,
        le=LONGEST_WAIT_S,
    )
    resize_mode: ResizeMode = option(
        "center-crop", "How a frame becomes the encoder's square input.", flag="--resize-mode", identity=True
    )
    runtime: Literal["torch", "onnx"] = option("torch", "Inference backend.", identity=True)
    onnx: Path | None = option(None, "Model exported by `models export-onnx`, for the onnx backend.", metavar="FILE")
    onnx_sha256: str | None = identity_field(default=None)
    """Of the exported model, wherever its file is; it is worked out before the run starts."""
    reason: str | None = None
    """Why auto did not take the encoder with weights, if it did not; likewise."""
    onnx_provider: Provider = option(
        "auto",
        "ONNX Runtime provider; auto takes the first that works.",
        flag="--onnx-provider",
        identity=True,
    )


class RuntimeOptions(OptionGroup):
    """Options for running the processes."""

    title: ClassVar[str] = "Runtime"

    engine: Literal["local", "inline"] = option(
        "local", "Run each part of the chain in a process of its own, or the whole chain in one, for debugging."
    )
    offline: bool = switch(
        "Do not use the network: refuse remote clips, and cameras and servers of other machines; fail if weights are "
        "missing on this machine.",
        daily=True,
    )
    max_restarts: int = option(
        3,
        "Maximum restarts without progress before the run fails. The annotator has its own, equal budget.",
        ge=0,
        le=1_000_000,
    )
    liveness_timeout_s: float = option(
        600.0,
        "Restart a process that has reported nothing for this long, in seconds.",
        ge=SHORTEST_WAIT_S,
        le=LONGEST_WAIT_S,
    )
    queue_mib: int = option(32, "Memory for each queue between two processes, in MiB.", ge=1, le=65_536)


class MachineOptions(OptionGroup):
    """The machine that a run is on."""

    title: ClassVar[str] = "Machine"

    vram_budget_gib: float | None = option(
        None, "GPU memory for all models together, in GiB.", unset="what is free, less 1 GiB", gt=0.0, le=4096.0
    )
    price_per_hour: float = option(
        0.20, "Price of this machine per hour, in dollars, for the record.", ge=0.0, le=DOLLARS_MAX
    )


class MonitoringOptions(OptionGroup):
    """Options of monitoring."""

    title: ClassVar[str] = "Monitoring"

    metrics_port: int | None = option(
        None, "Serve /metrics and /healthz on this port; 0 takes any free port.", unset="off", ge=0, le=65535
    )
    metrics_host: str = option("127.0.0.1", "Address to serve them on.", metavar="HOST")
    progress_timeout_s: float = option(
        60.0,
        "Report the run as unhealthy if a process leaves its input untouched for this long, in seconds.",
        ge=SHORTEST_WAIT_S,
        le=LONGEST_WAIT_S,
    )


class ResolvedOptions(BaseModel):
    """Values that a run works out before it starts: not the user's, and not recorded among the options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder_px: int = 256
    """Side of the encoder frame, pixels: it follows from the encoder."""
    encoder_endpoint: str | None = None
    """The endpoint of the encoder that several runs share."""
    annotator_endpoint: str | None = None
    """The endpoint of the annotator that several runs share."""
    actions_max: int | None = None
    """Most actions in an answer of the annotator; None: as many as for a segment."""
    runs_at_once: int = 1
    """Runs that share this machine, and so its price."""
    known_dialects: Path | None = None
    """The file in which the annotators of several runs share what servers have refused."""
    stream: StreamFacts | None = None
    """Stream facts of a live source, which is probed once."""
    spool: Path | None = None
    """The temporary file with a member of a compressed tar, which is read once for all processes."""
    always_starts_over: bool = False
    """The command has no ``--overwrite``, and always discards its earlier results."""
    earlier_runs: tuple[Path, ...] = ()
    """Run directories of the clips before this one in its batch, in the same folder or tar, in order."""
    fetched: FetchedParts | None = None
    """Parts of a remote clip that probing has fetched."""


class Options(BaseModel):
    """All options of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = identity_field()
    """A video file or ``shard.tar::member.mp4``, local or remote, or a live source: its address may hold secrets."""
    input: InputOptions = InputOptions()
    lens: LensOptions = LensOptions()
    encoder: EncoderOptions = EncoderOptions()
    window: WindowOptions = WindowOptions()
    keyframes: KeyframeOptions = KeyframeOptions()
    annotator: AnnotatorOptions = AnnotatorOptions()
    detector: DetectorOptions = DetectorOptions()
    live: LiveOptions = LiveOptions()
    clips: ClipsOptions = ClipsOptions()
    output: OutputOptions = OutputOptions()
    runtime: RuntimeOptions = RuntimeOptions()
    machine: MachineOptions = MachineOptions()
    monitoring: MonitoringOptions = MonitoringOptions()
    resolved: ResolvedOptions = ResolvedOptions()

    @property
    def sampling(self) -> Sampling:
        """The window's preset, parsed."""
        return Sampling.parse(self.window.preset)

    @property
    def starts_over(self) -> bool:
        """Whether an earlier run is discarded instead of resumed."""
        return self.output.overwrite or self.resolved.always_starts_over

    def replace(self, changes: Mapping[str, object]) -> Self:
        """A validated copy with other values, by dotted path, as ``{"encoder.batch": 4}``."""
        values = {name: dict(value) if isinstance(value, BaseModel) else value for name, value in self}
        return self.model_validate(merge(values, nest(changes)))

    def recorded(self) -> dict[str, object]:
        """All options as a record may hold them: without secrets."""
        values = self.model_dump(mode="json", exclude={"resolved": True, "live": {"stdin_fds"}})
        return {**values, "source": redacted(self.source)}

    @classmethod
    def identity_defaults(cls) -> dict[str, object]:
        """The default of each option that is part of a run's identity, by path; None if it has none."""
        fields = [each for each in options_of(cls) if each.extra["identity"]]
        return {each.path: None if each.field.is_required() else each.field.default for each in fields}

    def identity(self) -> dict[str, object]:
        """The options that decide what is recorded, by path: runs that agree on them may stand for each other.

        Only a field that is marked as part of the identity is in it, so that a new option leaves old runs what they
        were.
        """
        recorded = self.recorded()
        return {each.path: by_path(recorded, each.path) for each in options_of(type(self)) if each.extra["identity"]}


OPTIONS: Final[dict[str, OptionField]] = {each.path: each for each in options_of(Options) if "help" in each.extra}
"""Every option of the user's, by path."""


def validate(values: Mapping[str, Any], place: Callable[[str, object], str] | None = None) -> Options:
    """Options from nested values, as a command line, a file or a record holds them.

    Args:
        values: by group and name.
        place: how a message names a path and its value; None for the flag of the command line.

    Raises:
        UsageError: naming the first option that is out of range.
    """
    place = place or flag_and_value
    try:
        options = Options.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        if first["type"] == CONFLICT:
            path = f"{path}.{first['ctx']['field']}"
            raise UsageError(f"{place(path, by_path(values, path))}: {first['msg']}") from error
        raise UsageError(f"{place(path, first['input'])}: {requirement(path, first)}") from error
    for path, each in OPTIONS.items():
        value = by_path(values, path)
        if value not in (None, each.field.default) and each.choices and value not in each.choices:
            raise UsageError(f"{place(path, value)}: {must_be_one_of(value, each.choices)}")
    return options


def flag_and_value(path: str, value: object) -> str:
    """``--detector-alpha 7``."""
    return f"{OPTIONS[path].flag if path in OPTIONS else path} {displayed(value)}"


def requirement(path: str, error: ErrorDetails) -> str:
    """The requirement for a value, as ``must be above 0 and at most 1``."""
    if error["type"] == "extra_forbidden":
        return "is not an option"
    if path not in OPTIONS:
        return error["msg"].removeprefix("Value error, ")
    option = OPTIONS[path]
    if option.choices:
        return must_be_one_of(error["input"], option.choices)
    return must_be(option.type, option.range, out_of_range=error["type"] in _OUT_OF_RANGE)


_OUT_OF_RANGE: Final = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
