"""Which annotator a run has is settled before it begins."""

from pathlib import Path

import pytest

from stream.config import Options
from stream.errors import ModelUnavailableError, UsageError
from stream.run.prepare import prepare


@pytest.mark.parametrize(
    ("given", "error", "help_"),
    [
        ({"annotator.name": "openai"}, UsageError, "address"),
        (
            {"annotator.name": "qwen", "annotator.model": "nowhere/at-all", "runtime.offline": True},
            ModelUnavailableError,
            "none",
        ),
        ({"annotator.name": "qwen", "annotator.task": "two\nlines"}, UsageError, "one line"),
    ],
)
def test_choice_is_settled_before_the_run(
    described_clip: Path, given: dict[str, object], error: type[Exception], help_: str
) -> None:
    """An annotator that cannot work is found before anything is decoded or written, with what helps."""
    options = Options(source=str(described_clip)).replace({"encoder.name": "grid", **given})
    with pytest.raises(error, match=help_):
        prepare(options)
