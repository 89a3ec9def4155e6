"""The prompt of a request. Wordings are files in ``prompts/``; a new wording is a new file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Final

from models.annotators.annotator import AnnotationRequest, AnswerForm, RequestFrame
from models.annotators.response.schema import (
    ACTIONS_MAX,
    FORM,
    NAME_CHARS_MAX,
    OBJECTS_MAX,
    WORDS_CHARS_MAX,
    BoxSpace,
    Stretch,
    duration_ds,
    echo_of,
    stretch_ds,
)

TASK_CHARS_MAX: Final = 500
PRECEDING_BEGINS: Final = "Context, from just before the segment:"
SEGMENT_BEGINS: Final = "The segment:"
"""What is written before the pictures of each, if there are preceding ones."""


def preceding_label(frame: RequestFrame) -> str:
    """What is written before a preceding frame."""
    return f"{-frame.t_s:.1f} s before"


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """Even times of pictures, from the segment's start."""

    first_s: float
    step_s: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """A wording of the prompt, and the user's description of the work."""

    task: str | None = None
    """The user's description of the work; None if there is none."""
    name: AnswerForm = FORM
    """The wording, and the form of the answer that it asks for."""

    def __post_init__(self) -> None:
        """Refuse a task that is too long or could be taken for more than words.

        Raises:
            ValueError: the task is not one line of 1 to 500 printable characters, or holds ``<|``.
        """
        if self.task is not None:
            _check_task(self.task)

    def text(
        self,
        request: AnnotationRequest,
        box_space: BoxSpace | None = None,
        grid: TimeGrid | None = None,
        stretch: Stretch | None = None,
    ) -> str:
        """The words for one segment; those about preceding frames, a grid, a stretch, the task, the hint or a note
        stand in it only where there is one.

        Args:
            request: the segment.
            box_space: the grid of the boxes, as given to ``answer_schema``; None for the request's own pixels.
            grid: of the pictures' times; None if each picture's own time is written beside it.
            stretch: the time that is shown, if pictures are missing; None if that is the whole segment.
        """
        values = dict(_values(request, box_space or (request.width_px, request.height_px), stretch))
        if grid:
            values |= {"first_s": f"{grid.first_s:.2f}", "step_s": f"{grid.step_s:.2f}"}
        optional = {"task": self.task, "hint": request.hint, "note": request.note}
        values |= {slot: words for slot, words in optional.items() if words}
        paragraphs = map(Template, self._wording().split("\n\n"))
        known = (paragraph for paragraph in paragraphs if values.keys() >= set(paragraph.get_identifiers()))
        return "\n\n".join(paragraph.substitute(values) for paragraph in known).strip()

    @property
    def sha256(self) -> str:
        """SHA-256 of the prompt without the task, hexadecimal."""
        return hashlib.sha256(self._wording().encode()).hexdigest()

    def _wording(self) -> str:
        return (files("models.annotators") / "prompts" / f"{self.name}.md").read_text(encoding="utf-8")


def _values(request: AnnotationRequest, box_space: BoxSpace, stretch: Stretch | None) -> Iterator[tuple[str, str]]:
    first_ds, last_ds = stretch_ds(request, stretch)
    yield "echo", echo_of(request)
    yield "duration_s", f"{request.duration_s:.1f}"
    yield "duration_ds", str(duration_ds(request))
    yield "last_s", f"{duration_ds(request) / 10:.1f}"
    yield "start_s", f"{first_ds / 10:.1f}"
    yield "middle_s", f"{(first_ds + last_ds + 1) // 2 / 10:.1f}"
    yield "end_s", f"{last_ds / 10:.1f}"
    yield "start_ds", str(first_ds)
    yield "end_ds", str(last_ds)
    if stretch is not None:
        yield "shown_from_s", f"{first_ds / 10:.1f}"
        yield "shown_to_s", f"{last_ds / 10:.1f}"
    if request.preceding:
        yield "preceding_s", f"{-request.preceding[0].t_s:.1f}"
    yield "box_width", str(box_space[0])
    yield "box_height", str(box_space[1])
    yield "actions_max", str(request.actions_max or ACTIONS_MAX)
    yield "objects_max", str(OBJECTS_MAX)
    yield "words_chars_max", str(WORDS_CHARS_MAX)
    yield "name_chars_max", str(NAME_CHARS_MAX)


def _check_task(task: str) -> None:
    # Qwen's tokenizer takes <|...|> for its own marks, at any place in a text.
    if not 1 <= len(task) <= TASK_CHARS_MAX or not task.isprintable() or "<|" in task:
        raise ValueError(
            f"the task {task[:40]!r} has {len(task)} characters, "
            f"expected one line of 1 to {TASK_CHARS_MAX} printable characters without '<|'"
        )
