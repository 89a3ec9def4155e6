"""The annotator that asks a server, set before a server of the tests' own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stamina

from models.annotators.annotator import AnnotationRequest, RequestFrame
from models.annotators.openai.annotator import OpenAIAnnotator, OpenAISettings
from tests.support.echo_server import MODEL
from tests.support.openai_server import OpenAIServer, serving

if TYPE_CHECKING:
    import pytest


def segment(number: int = 0, *, frames: int = 3) -> AnnotationRequest:
    """A segment of frames that no picture is in: their size is one at which they are sent unseen."""
    digest = f"{number:02x}" * 32
    pictures = tuple(RequestFrame(float(t_s), b"\xff\xd8 jpeg %d" % t_s) for t_s in range(frames))
    return AnnotationRequest(f"s{number}", digest, frames + 0.3, pictures, 336, 196)


@contextmanager
def openai_server(home: Path, patch: "pytest.MonkeyPatch") -> Iterator[OpenAIServer]:
    """A server, asked again without pauses, and no key in sight."""
    patch.delenv("OPENAI_API_KEY", raising=False)
    patch.chdir(home)  # where no .env lies
    with serving() as server, stamina.set_testing(True, attempts=50):
        yield server


def annotator(server: OpenAIServer, **settings: Any) -> OpenAIAnnotator:  # noqa: ANN401  (fields of the settings)
    """The annotator that asks it."""
    return OpenAIAnnotator(OpenAISettings(server.url, settings.pop("model", MODEL), **settings))


def outcomes(server: OpenAIServer, *requests: AnnotationRequest, **settings: Any) -> dict[str, Any]:  # noqa: ANN401  (as above)
    """What became of each segment, by its id."""
    return {outcome.segment_id: outcome for outcome in annotator(server, **settings).annotate(requests)}
