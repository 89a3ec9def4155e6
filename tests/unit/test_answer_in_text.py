"""The answer is found in whatever surrounds it, and counts only if it meets the schema."""

import json
from typing import Any

import pytest

from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import echo_of
from tests.support.answer_strategies import make_request

REQUEST = make_request(duration_s=12.3, width_px=456, height_px=256)


def answer(hands: str = "the right hand turns", end_s: float = 6.0, **changes: Any) -> str:  # noqa: ANN401  (any JSON)
    """An answer to ``REQUEST`` with one busy action."""
    ecot = dict.fromkeys(("scene", "subtask", "motion", "prediction"), "work")
    action = {"start_s": 0.0, "end_s": end_s, "hands": hands, "active": True, "ecot": ecot, "objects": []}
    return json.dumps({"request": echo_of(REQUEST), "box_space": [456, 256], "actions": [action]} | changes)


OTHER_FRAMES = answer(end_s=1.0, request="0" * 12)


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        "\ufeff" + answer(),
        f"```json\n{answer()}\n```",
        f"```\n{answer()}\n```\n",
        f"Here is the JSON:\n{answer()}\nLet me know if it helps.",
        f"<think>\nIs {{this}} it? {{ }}\n</think>\n\n{answer()}",
        f"<think>A draft: {answer(end_s=1.0)}</think>{answer()}",
        f"A draft: {answer(end_s=1.0)}, and now: {answer()}",
        f"{answer()} I left out: {OTHER_FRAMES}",
        f"{answer()}" + "}",
        f"<think>{answer()}",
        f"<think>{answer()}</think>",
        f"The set {{a, b}}, then\n{json.dumps(json.loads(answer()), indent=2)}",
        f"{'{' * 5000}{answer()}",
        f"[{answer()}]",
        f'{{"answer": {answer()}}}',
        f'<tool_call>{{"name": "annotation", "arguments": {answer()}}}</tool_call>',
        f'{{"draft": {OTHER_FRAMES}, "final": {{"answer": {answer()}}}}}',
    ],
)
def test_answer_is_taken_from_what_surrounds_it(text: str) -> None:
    """A fence, thoughts, prose, a list, a call, drafts, answers for other frames cost nothing, and need no repair."""
    description = parse_answer(text, REQUEST)
    assert [(action.t_start_s, action.t_end_s) for action in description.actions] == [(0.0, 6.0)]
    assert description.repairs == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"Here it is: {OTHER_FRAMES}", "is not of the expected form: request is '000000000000'"),
        (f"```json\n{answer()[:-2]}\n```", "is not JSON: Expecting value"),
        ("I cannot see any hands in {these} pictures.", "is not JSON"),
        (f"[{answer()}", "request is"),
        ("{" * 60_000, "is not JSON"),
        ('{"' * 30_000, "is not JSON"),
        ('{"\\"' * 15_000, "is not JSON"),
    ],
)
def test_text_without_an_answer_is_refused(text: str, message: str) -> None:
    """What does not meet the schema is no answer, whatever surrounds it; hostile text is refused in bounded time."""
    if message == "request is":  # an unclosed list before a whole answer hides nothing
        assert parse_answer(text, REQUEST).actions
        return
    with pytest.raises(AnswerError, match=message):
        parse_answer(text, REQUEST)


def test_trailing_commas_are_left_out_and_that_is_said() -> None:
    """Those in a text stay: only a comma that nothing follows is left out."""
    text = answer(hands="a, b ,] c").replace('"objects": []}', '"objects": [],}').replace("6.0", "6.0 ")
    description = parse_answer(text.replace("work", "hold, ]"), REQUEST)
    assert description.actions[0].ecot is not None
    assert description.actions[0].ecot.scene == "hold, )"
    assert description.repairs[0] == "commas that nothing follows were left out"
