"""The options of the annotator, and of the keyframes that are kept for it."""

from typing import Annotated, ClassVar, Final, Literal

from models.annotators.annotator import AnswerForm
from models.annotators.response.schema import FORM
from models.annotators.table import ANNOTATORS, NO_ANNOTATOR, annotator_names
from stream.records.schema.options import (
    DOLLARS_MAX,
    LONGEST_WAIT_S,
    SHORTEST_WAIT_S,
    OneOf,
    OptionGroup,
    option,
    switch,
)

_SUMMARIES: Final = ", ".join(f"{name} {spec.summary}" for name, spec in ANNOTATORS.items())


class KeyframeOptions(OptionGroup):
    """The pictures that are kept for the annotator."""

    title: ClassVar[str] = "Keyframes"
    prefix: ClassVar[str] = "keyframe"

    fps: float = option(1.0, "Keyframes kept per second of video.", identity=True, ge=0.001, le=30.0)
    px: int = option(854, "Longest side of a keyframe, in pixels.", identity=True, ge=64, le=4096)
    cache_mib: int = option(512, "Disk space for keyframes that wait for the annotator, in MiB.", ge=1, le=1_048_576)
    keep: bool = switch(
        "Keep the keyframes of described segments, as long as the cache has room for them.",
        flag="--keep-keyframes/--no-keep-keyframes",
    )
    on_cache_full: Literal["block", "skip"] | None = option(
        None,
        "When the keyframe cache is full: wait for the annotator, or skip segments.",
        flag="--on-cache-full",
        unset="skip for a camera, else block",
        identity=True,
    )


class AnnotatorOptions(OptionGroup):
    """The model that describes segments."""

    title: ClassVar[str] = "Annotator"
    prefix: ClassVar[str] = "annotator"

    name: Annotated[str, OneOf(annotator_names)] = option(
        NO_ANNOTATOR,
        f"Model that describes the segments: {_SUMMARIES}.",
        flag="--annotator",
        identity=True,
        daily=True,
    )
    model: str | None = option(
        None,
        "Weights: a Hugging Face name or a local folder; for openai, the server's name of its model.",
        unset="the annotator's own",
        metavar="NAME_OR_PATH",
        identity=True,
        daily=True,
    )
    url: str | None = option(
        None, "Base URL of an OpenAI-compatible server, such as http://localhost:8000/v1.", metavar="URL", daily=True
    )
    task: str | None = option(
        None,
        "The worker's task in a few words, shown to the annotator.",
        flag="--task",
        metavar="TEXT",
        identity=True,
        daily=True,
    )
    prompt: AnswerForm = option(
        FORM, "Wording of the prompt, and form of the answer; annotate-v2 is the earlier one.", identity=True
    )
    segments: Literal["all", "anomalous", "novel"] = option(
        "all",
        "Which segments to describe; novel skips those that resemble a segment already described.",
        identity=True,
        daily=True,
    )
    novelty_threshold: float = option(
        0.95,
        "With `--annotator-segments novel`: cosine similarity at which a typical segment counts as already described.",
        flag="--novelty-threshold",
        identity=True,
        ge=-1.0,
        le=1.0,
    )
    frames: int = option(32, "Most keyframes shown per segment.", identity=True, ge=1, le=768)
    context: int | None = option(
        None,
        "Most tokens of a request for a whole clip and its answer.",
        unset="the model's own, at most 65536; 32768 for a server",
        identity=True,
        ge=4096,
        le=1_048_576,
    )
    box_space: Literal["pixels", "thousandths"] | None = option(
        None,
        "Unit of the boxes that the model was trained for: pixels of the picture that it is shown, or thousandths.",
        flag="--box-space",
        unset="by the model's name: pixels for Qwen2.5-VL, else thousandths",
        identity=True,
    )
    hint: bool = switch(
        "Tell the annotator what the detector found; its words then depend on the detector.",
        flag="--hint/--no-hint",
        identity=True,
    )
    quantization: Literal["none", "4bit"] = option("none", "Quantization of the weights on the GPU.", identity=True)
    batch: int | None = option(None, "Most segments per request.", unset="what the annotator can take", ge=1, le=256)
    max_wait_s: float = option(
        5.0, "Longest time that a segment waits for its batch to fill, in seconds.", ge=0.0, le=LONGEST_WAIT_S
    )
    wait_s: float = option(
        300.0,
        "Give up on a server that has been unreachable or busy for this long, in seconds.",
        ge=0.0,
        le=LONGEST_WAIT_S,
    )
    request_timeout_s: float = option(
        300.0,
        "Give up on a single request to a server after this long, in seconds.",
        ge=SHORTEST_WAIT_S,
        le=LONGEST_WAIT_S,
    )
    price_in: float | None = option(
        None, "Price of a million input tokens, in dollars, for the record.", unset="none", ge=0.0, le=DOLLARS_MAX
    )
    price_out: float | None = option(
        None, "Price of a million output tokens, in dollars, for the record.", unset="none", ge=0.0, le=DOLLARS_MAX
    )

    @property
    def enabled(self) -> bool:
        """Whether there is an annotator."""
        return self.name != NO_ANNOTATOR
