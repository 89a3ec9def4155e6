"""Annotators by name: which one a run uses is decided once, and a wish that cannot be met is an error.

That there is none, ``--annotator none``, is no annotator's name: whoever asks for one wants words.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from models.annotators.annotator import Annotator
from models.annotators.openai import annotator as openai
from models.annotators.prompt import Prompt
from models.annotators.qwen import annotator as qwen
from models.annotators.qwen import loading as qwen_loading
from models.annotators.qwen.memory import Quantization
from models.errors import ModelUnavailableError
from models.packages import require_packages
from models.weights.fetch import Report, unreported
from models.weights.weights import locate


@dataclass(frozen=True, slots=True)
class AnnotatorChoice:
    """Arguments for ``make_annotator``, small enough to hand to another process."""

    kind: str
    """A key of ``ANNOTATORS``."""
    model: str | None = None
    """A folder, a hub name or a server's name of a model; None for the annotator's own default."""
    url: str | None = None
    """Of the server, where one answers."""
    task: str | None = None
    """What the worker is doing, in the user's words."""
    batch_max: int | None = None
    """The most segments at once; None for the annotator's own bound."""
    frames_max: int = qwen.FRAMES_MAX
    """The most frames of a segment that are shown."""
    quantization: Quantization = "none"
    wait_s: float = openai.WAIT_S
    """How long a server may be away."""
    timeout_s: float = openai.ANSWERS_WITHIN_S
    """How long one answer of a server may take."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """Whether weights may be fetched, and who hears how far that is."""

    allowed: bool = True
    report: Report = unreported


@dataclass(frozen=True, slots=True)
class _Builder:
    """How one kind of annotator comes to be."""

    settle: Callable[[AnnotatorChoice, Fetching], AnnotatorChoice]
    """See that it can be made, without importing anything heavy."""
    make: Callable[[AnnotatorChoice], Annotator]


def choose_annotator(
    choice: AnnotatorChoice, *, allow_download: bool = True, report: Report = unreported
) -> AnnotatorChoice:
    """Settle which annotator a run uses, and see that it can be made, before anything heavy is imported.

    Args:
        choice: the wish.
        allow_download: whether weights may be fetched.
        report: hears how far the fetching is.

    Returns:
        The wish with its model made definite: a folder where weights are needed.

    Raises:
        ValueError: no annotator is called that, or the task is more than words.
        ModelUnavailableError: its packages or its weights are not there.
    """
    Prompt(choice.task)
    return _builder(choice.kind).settle(choice, Fetching(allow_download, report))


def make_annotator(choice: AnnotatorChoice) -> Annotator:
    """Make the annotator from what is on this machine; nothing is fetched.

    Raises:
        ValueError: no annotator is called that, or the task is more than words.
        ModelUnavailableError: its packages or its weights are not there.
        MemoryError: it does not fit into the device's memory.
    """
    return _builder(choice.kind).make(choice)


def _builder(kind: str) -> _Builder:
    if kind not in ANNOTATORS:
        raise ValueError(f"there is no annotator {kind!r}: expected one of {', '.join(ANNOTATORS)}")
    return ANNOTATORS[kind]


def _settle_qwen(choice: AnnotatorChoice, fetching: Fetching) -> AnnotatorChoice:
    try:
        require_packages(qwen_loading.PACKAGES, extra="qwen")
        name = choice.model or qwen_loading.HUB_NAME
        folder = locate(name, allow_download=fetching.allowed, report=fetching.report)
        qwen_loading.check_checkpoint(folder, choice.quantization)
    except ModelUnavailableError as error:
        raise ModelUnavailableError(f"{error}; or choose --annotator none, which describes nothing") from error
    return replace(choice, model=str(folder))


def _make_qwen(choice: AnnotatorChoice) -> Annotator:
    settings = qwen.QwenSettings(
        task=choice.task,
        batch_max=choice.batch_max or qwen.BATCH_MAX,
        frames_max=choice.frames_max,
        quantization=choice.quantization,
    )
    require_packages(qwen_loading.PACKAGES, extra="qwen")
    folder = locate(choice.model or qwen_loading.HUB_NAME, allow_download=False)
    return qwen.QwenAnnotator(folder, settings)


def _settle_openai(choice: AnnotatorChoice, _: Fetching) -> AnnotatorChoice:
    _make_openai(choice)
    return choice


def _make_openai(choice: AnnotatorChoice) -> Annotator:
    if choice.url is None or choice.model is None:
        raise ValueError(
            "the annotator openai asks a server: expected its address, such as http://localhost:8000/v1, "
            "and the name by which it calls its model"
        )
    return openai.OpenAIAnnotator(
        openai.OpenAISettings(
            url=choice.url,
            model=choice.model,
            task=choice.task,
            batch_max=choice.batch_max or openai.BATCH_MAX,
            frames_max=choice.frames_max,
            wait_s=choice.wait_s,
            timeout_s=choice.timeout_s,
        )
    )


ANNOTATORS: Final[dict[str, _Builder]] = {
    "openai": _Builder(_settle_openai, _make_openai),
    "qwen": _Builder(_settle_qwen, _make_qwen),
}
