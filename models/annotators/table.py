"""The table of annotators, and the functions that choose and make one by its name.

An annotator is one module with the protocol of ``models.annotators.annotator`` and one line in ``ANNOTATORS``.
Everything that depends on which annotator a run uses reads its row there: options, weights, the VRAM plan, the doctor.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from models.annotators.annotator import Annotator
from models.annotators.context import Context
from models.annotators.openai import spec as openai
from models.annotators.prompt import Prompt
from models.annotators.qwen import spec as qwen
from models.annotators.spec import AnnotatorChoice, AnnotatorSpec
from models.errors import ModelUnavailableError
from models.memory.vram import Need
from models.packages import require_packages
from models.weights.fetch import Report, unreported
from models.weights.weights import identity, locate

ANNOTATORS: Final[dict[str, AnnotatorSpec]] = {
    "qwen": qwen.SPEC,
    "openai": openai.SPEC,
}
NO_ANNOTATOR: Final = "none"
"""What a user writes to have nothing described; no row has this name."""


def annotator_names() -> tuple[str, ...]:
    """The names that a user may give: ``none`` and every row of the table."""
    return (NO_ANNOTATOR, *ANNOTATORS)


def annotator_spec(kind: str) -> AnnotatorSpec:
    """The row of an annotator.

    Raises:
        ValueError: no annotator has that name.
    """
    if kind not in ANNOTATORS:
        raise ValueError(f"there is no annotator {kind!r}: expected one of {', '.join(ANNOTATORS)}")
    return ANNOTATORS[kind]


def choose_annotator(
    choice: AnnotatorChoice, *, allow_download: bool = True, report: Report = unreported
) -> AnnotatorChoice:
    """Settle which annotator a run uses, and check that it can be made, before anything heavy is imported.

    Args:
        choice: what the user wants.
        allow_download: whether weights may be fetched.
        report: receives the progress of the download.

    Returns:
        The choice; its model is the folder of the weights, if there are any.

    Raises:
        ValueError: no annotator has that name, or it cannot take an option.
        ModelUnavailableError: its packages or its weights are missing.
    """
    Prompt(choice.task)
    spec = annotator_spec(choice.kind)
    try:
        require_packages(spec.packages, extra=spec.extra)
        wanted = weights_of(choice.kind, choice.model)
        folder = None if wanted is None else locate(wanted, allow_download=allow_download, report=report)
        spec.check(choice, folder)
    except ModelUnavailableError as error:
        if not spec.has_weights:
            raise
        raise ModelUnavailableError(
            f"{error}; or choose --annotator {NO_ANNOTATOR}, which describes nothing"
        ) from error
    return choice if folder is None else replace(choice, model=str(folder))


def make_annotator(choice: AnnotatorChoice) -> Annotator:
    """Make the annotator from what is on this machine; nothing is fetched.

    Raises:
        ValueError: no annotator has that name, or it cannot take an option.
        ModelUnavailableError: its packages or its weights are missing.
        MemoryError: it does not fit into the device's memory.
    """
    spec = annotator_spec(choice.kind)
    require_packages(spec.packages, extra=spec.extra)
    wanted = weights_of(choice.kind, choice.model)
    return spec.load(choice, None if wanted is None else locate(wanted, allow_download=False))


def weights_of(kind: str, model: str | None = None) -> str | None:
    """Hub name or folder of the weights that an annotator loads: ``model``, else its default; None without weights.

    Raises:
        ValueError: no annotator has that name.
    """
    spec = annotator_spec(kind)
    return (model or spec.default_model) if spec.has_weights else None


def vram_of(choice: AnnotatorChoice) -> Need | None:
    """GPU memory that a chosen annotator needs; None if it needs none, or while its weights are not known.

    Raises:
        ValueError: no annotator has that name.
        ModelUnavailableError: its configuration cannot be read.
    """
    spec = annotator_spec(choice.kind)
    return None if spec.vram is None or choice.model is None else spec.vram(choice, Path(choice.model))


def context_of(choice: AnnotatorChoice) -> Context:
    """How many tokens a request to a chosen annotator may have, and what a frame costs.

    Raises:
        ValueError: no annotator has that name.
        ModelUnavailableError: its configuration cannot be read.
    """
    spec = annotator_spec(choice.kind)
    folder = Path(choice.model) if spec.has_weights and choice.model else None
    return spec.context(choice, folder)


def name_of(kind: str, model: str | None) -> str:
    """An annotator and its model as a record names them: short, and without a path of this machine.

    Raises:
        ValueError: no annotator has that name.
    """
    if model is None:
        return kind
    if annotator_spec(kind).has_weights:
        model, _ = identity(Path(model))
    return f"{kind} {Path(model).name if Path(model).is_absolute() else model}"
