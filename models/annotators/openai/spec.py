"""The row of ``openai`` in the table of annotators."""

from pathlib import Path
from typing import Final

from models.annotators.annotator import Annotator
from models.annotators.spec import AnnotatorChoice, AnnotatorSpec


def _load(choice: AnnotatorChoice, _: Path | None) -> Annotator:
    from models.annotators.openai.annotator import BATCH_MAX, OpenAIAnnotator, OpenAISettings

    if choice.url is None or choice.model is None:
        raise ValueError(
            "the annotator openai needs a server: expected its address, such as http://localhost:8000/v1, "
            "and the server's name of the model"
        )
    return OpenAIAnnotator(
        OpenAISettings(
            url=choice.url,
            model=choice.model,
            task=choice.task,
            batch_max=choice.batch_max or BATCH_MAX,
            frames_max=choice.frames_max,
            wait_s=choice.wait_s,
            timeout_s=choice.timeout_s,
        )
    )


SPEC: Final = AnnotatorSpec(
    summary="is an OpenAI-compatible server",
    load=_load,
    check=_load,  # it contacts nothing
    own_options=frozenset({"model", "url"}),
    packages=("openai",),
    extra="openai",
)
