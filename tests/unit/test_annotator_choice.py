"""Which annotator a run has is settled before it begins."""

from dataclasses import fields
from pathlib import Path

import pytest

from models.annotators.spec import AnnotatorChoice
from models.annotators.table import ANNOTATORS
from stream.annotation.options import AnnotatorOptions
from stream.config import Options
from stream.errors import ModelUnavailableError, UsageError
from stream.run.prepare import prepare


@pytest.mark.parametrize("name", ANNOTATORS)
def test_own_options_of_an_annotator_exist(name: str) -> None:
    """They are fields of its choice and options of the command line, and the name of its model is one of them."""
    own_options = ANNOTATORS[name].own_options
    assert "model" in own_options
    assert own_options <= {field.name for field in fields(AnnotatorChoice)}
    assert own_options <= AnnotatorOptions.model_fields.keys()


@pytest.mark.parametrize(
    ("choice", "error", "help_"),
    [
        (
            {"annotator.name": "openai"},
            UsageError,
            "openai needs --annotator-url, .* address .*, and --annotator-model, the name",
        ),
        (
            {"annotator.name": "openai", "annotator.url": "http://localhost:8000/v1"},
            UsageError,
            "openai needs --annotator-model, the name by which the server calls its model$",
        ),
        (
            {"annotator.name": "openai", "annotator.model": "served"},
            UsageError,
            "openai needs --annotator-url, the address of its server, such as [^ ]*$",
        ),
        (
            {"annotator.name": "qwen", "annotator.model": "nowhere/at-all", "runtime.offline": True},
            ModelUnavailableError,
            "none",
        ),
        ({"annotator.name": "qwen", "annotator.task": "two\nlines"}, UsageError, "one line"),
    ],
)
def test_choice_is_settled_before_the_run(
    described_clip: Path, choice: dict[str, object], error: type[Exception], help_: str
) -> None:
    """An annotator that cannot work is found before anything is decoded or written, with what helps."""
    options = Options(source=str(described_clip)).replace({"encoder.name": "grid", **choice})
    with pytest.raises(error, match=help_):
        prepare(options)
