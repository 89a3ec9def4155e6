"""Describes an annotator that is not loaded yet: the type of a row in ``models.annotators.table``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.annotators.annotator import Annotator, AnswerForm
from models.annotators.box_space import BoxUnit
from models.annotators.context import CONTEXT_TOKENS, Context
from models.annotators.qwen.memory import Quantization
from models.annotators.response.schema import FORM
from models.memory.vram import Need

FRAMES_MAX: Final = 32
SERVER_WAIT_S: Final = 300.0
"""A server that loads its model may take minutes."""
REQUEST_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class AnnotatorChoice:
    """The annotator of a run and its options, in a form that is easily passed to another process."""

    kind: str
    """A key of ``ANNOTATORS``."""
    model: str | None = None
    """A folder, a hub name or a server's name of a model; None for the annotator's own default."""
    url: str | None = None
    """Address of the server, for an annotator that is one."""
    task: str | None = None
    """The user's description of the work."""
    prompt: AnswerForm = FORM
    """The wording of the prompt, and the form of the answer."""
    batch_max: int | None = None
    """Most segments in a batch; None for the annotator's own bound."""
    frames_max: int = FRAMES_MAX
    """Most frames of a segment that are shown."""
    box_space: BoxUnit | None = None
    """Unit of the model's boxes; None for that of its family."""
    quantization: Quantization = "none"
    wait_s: float = SERVER_WAIT_S
    """Maximum time that a server may be unreachable or busy."""
    timeout_s: float = REQUEST_TIMEOUT_S
    """Maximum time of a server for one answer."""
    context_tokens: int | None = None
    """Context that whole clips may use; None for the annotator's own bound."""
    offline: bool = False
    """Whether no server of another machine may be asked, not even one that this machine's redirects to."""
    known_dialects: Path | None = None
    """A file in which several processes share what servers have refused; None: this process knows it alone."""
    actions_max: int | None = None
    """Most actions in an answer, which decides how much memory is planned for one; None: as many as for a segment."""


def usual_context(choice: AnnotatorChoice, _: Path | None) -> Context:
    """The context that is assumed of a model of which nothing else is known: one picture costs 256 tokens."""
    return Context(choice.context_tokens or CONTEXT_TOKENS)


@dataclass(frozen=True, slots=True)
class AnnotatorSpec:
    """A row of the table of annotators. Reading one imports nothing heavy."""

    summary: str
    """Predicate of a sentence about it, for the help."""
    load: Callable[[AnnotatorChoice, Path | None], Annotator]
    """Load the annotator from the folder of its weights (None without weights). Packages and weights were located.

    Raises ``ValueError`` for options that it cannot take, ``ModelUnavailableError`` for weights that it cannot load,
    ``MemoryError`` if it does not fit into the device's memory.
    """
    check: Callable[[AnnotatorChoice, Path | None], object]
    """Check, with the same arguments, that ``load`` can work, without importing anything heavy; raises the same."""
    own_options: frozenset[str] = frozenset({"model"})
    """Fields of ``AnnotatorChoice`` whose values mean nothing to another annotator."""
    default_model: str | None = None
    """Hub name of the weights, ``owner/name@commit``; None for an annotator without weights on this machine."""
    packages: tuple[str, ...] = ()
    """Python packages that it needs, beyond those that are always installed."""
    extra: str = ""
    """The extra of ``pyproject.toml`` that brings them."""
    context: Callable[[AnnotatorChoice, Path | None], Context] = usual_context
    """How many tokens a request may have, and what a frame costs, with the same arguments."""
    vram: Callable[[AnnotatorChoice, Path], Need] | None = None
    """GPU memory that it needs, from the configuration in the folder of its weights; None if it needs none.

    Raises ``ModelUnavailableError`` if the configuration cannot be read.
    """

    @property
    def has_weights(self) -> bool:
        """Whether it loads weights on this machine, which are downloaded, take memory and time to load."""
        return self.default_model is not None
