"""The row of ``openai`` in the table of annotators."""

from pathlib import Path
from typing import Final

from models.annotators.annotator import Annotator
from models.annotators.context import SERVER_CONTEXT_TOKENS, Context
from models.annotators.spec import AnnotatorChoice, AnnotatorSpec


def _load(choice: AnnotatorChoice, _: Path | None) -> Annotator:
    from models.annotators.openai.annotator import BATCH_MAX, OpenAIAnnotator, OpenAISettings

    if choice.url is None or choice.model is None:
        raise ValueError(f"--annotator openai needs {_missing(choice)}")
    return OpenAIAnnotator(
        OpenAISettings(
            url=choice.url,
            model=choice.model,
            task=choice.task,
            prompt=choice.prompt,
            batch_max=choice.batch_max or BATCH_MAX,
            frames_max=choice.frames_max,
            box_unit=choice.box_space,
            wait_s=choice.wait_s,
            timeout_s=choice.timeout_s,
            offline=choice.offline,
            known_dialects=choice.known_dialects,
        )
    )


def _missing(choice: AnnotatorChoice) -> str:
    wanted = {
        "--annotator-url, the address of its server, such as http://localhost:8000/v1": choice.url,
        "--annotator-model, the name by which the server calls its model": choice.model,
    }
    return ", and ".join(option for option, value in wanted.items() if value is None)


def _context(choice: AnnotatorChoice, _: Path | None) -> Context:
    return Context(choice.context_tokens or SERVER_CONTEXT_TOKENS)


SPEC: Final = AnnotatorSpec(
    summary="is an OpenAI-compatible server",
    load=_load,
    check=_load,  # it contacts nothing
    own_options=frozenset({"model", "url", "box_space"}),
    packages=("openai",),
    extra="openai",
    context=_context,
)
