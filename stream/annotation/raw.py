"""``<stem>_raw_response.txt``: what the model said, before anything is made of it; one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from models.annotator import AnnotationAnswer
from stream.records.damage import reading
from stream.records.lines import Lines

_ANSWER = TypeAdapter(AnnotationAnswer)


class RawResponses(Lines):
    """The writing end. A response is durable when ``append`` returns."""

    def append(self, answer: AnnotationAnswer) -> None:
        """Write one response, in ASCII: what a model says may hold anything."""
        self.write(json.dumps(asdict(answer)).encode())


def read_responses(path: Path) -> Iterator[AnnotationAnswer]:
    """All whole responses so far; none if there is no file.

    Raises:
        DamagedError: a line is no response.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                with reading(path):
                    answer = _ANSWER.validate_json(line)
                yield answer
