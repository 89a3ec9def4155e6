"""``<stem>_raw_response.txt``: what the model said, before anything is made of it; one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from stream.annotation.client import Said
from stream.records.store.append_log import Lines
from stream.records.store.corruption import reading

_SAID: TypeAdapter[Said] = TypeAdapter(
    Annotated[AnnotationFailure | AnnotationAnswer, Field(union_mode="left_to_right")]  # the first has a reason
)


class RawResponses(Lines):
    """The writing end. A response is durable when ``append`` returns."""

    def append(self, said: Said) -> None:
        """Write one response, in ASCII: what a model says may hold anything."""
        self.write(json.dumps(asdict(said)).encode())


def read_responses(path: Path) -> Iterator[Said]:
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
                    said = _SAID.validate_json(line)
                yield said
