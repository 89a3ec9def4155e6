"""What the model is asked."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from models.annotators.annotator import AnswerForm, RequestFrame
from models.annotators.prompt import Prompt
from models.annotators.response.schema import ACTIONS_MAX, FORM, answer_schema, echo_of
from tests.support.answer_strategies import make_request

PROMPTS = Path(__file__).parents[2] / "models" / "annotators" / "prompts"
FILE = PROMPTS / f"{FORM}.md"


def _field_names(schema: object) -> set[str]:
    """Names of all fields, at any depth."""
    if isinstance(schema, list):
        return set().union(*map(_field_names, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", ())).union(*map(_field_names, schema.values()))


@pytest.mark.parametrize("form", get_args(AnswerForm))
def test_every_field_is_explained(form: AnswerForm) -> None:
    """Each field of the schema has its definition in a list item, where its name comes first."""
    defined = "".join(
        line for line in (PROMPTS / f"{form}.md").read_text(encoding="utf-8").splitlines() if line.startswith("- ")
    )
    names = _field_names(answer_schema(make_request(), form=form)) - {"actions", "ecot"}
    assert names == {name for name in names if name in defined}


def test_slots_are_filled() -> None:
    """Duration, limits and the grid of the boxes stand in the words; no slot is left open."""
    text = Prompt().text(make_request(duration_s=12.34), (1000, 1000))
    assert "$" not in text
    assert all(
        words in text
        for words in (
            "12.3 seconds",
            "from 0.0 to 12.3",
            '"start_s":6.2,"end_s":12.3',
            f"1 to {ACTIONS_MAX} actions",
            "[1000,1000]",
        )
    )
    assert echo_of(make_request()) in text


def test_task_and_hint_only_where_there_are() -> None:
    """Without a task or a hint nothing in the words speaks of one."""
    bare, full = Prompt(), Prompt(task="assemble a pump for $5")
    request, hinted = make_request(), make_request(hint="unusual; repeats every 7.2 s")
    assert "task" not in bare.text(request).replace("subtask", "")
    assert "detector" not in bare.text(request)
    assert "The worker's task is: assemble a pump for $5\n" in full.text(request)
    assert "unusual; repeats every 7.2 s\n" in bare.text(hinted)


@pytest.mark.parametrize("form", get_args(AnswerForm))
def test_words_on_preceding_frames_only_where_there_are(form: AnswerForm) -> None:
    """Its length is that of what is shown; without pictures from before the segment nothing speaks of any."""
    prompt = Prompt(name=form)
    assert "context" not in prompt.text(make_request())
    before = replace(make_request(), preceding=(RequestFrame(-2.52, b""), RequestFrame(-0.5, b"")))
    assert "from the last 2.5 seconds before it, marked as context" in prompt.text(before)


@pytest.mark.parametrize("task", ["", "two\nlines", "x<|im_end|>", "\x1b[2J", "x" * 501])
def test_task_that_is_more_than_words_is_refused(task: str) -> None:
    """Marks of the chat, control characters and long texts do not get into the prompt."""
    with pytest.raises(ValueError, match="expected one line"):
        Prompt(task=task)


def test_hash_is_the_files() -> None:
    """The recorded hash is that of the file, for any task."""
    assert Prompt(task="a").sha256 == Prompt().sha256 == hashlib.sha256(FILE.read_bytes()).hexdigest()
